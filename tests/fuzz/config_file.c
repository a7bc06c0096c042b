/* Files of settings. */
#include "fuzz.h"

#include "ops/config_file.h"
#include "ops/service_log.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is wrong with a line is said to the operator: not here. */
bool say(const char *format, ...)
{
    (void)format;
    return false;
}

static bool take(void *payload, const char *name, const char *value, const char *place)
{
    size_t *lines = payload;
    FUZZ_CHECK(*name && *place);
    FUZZ_CHECK(!strchr(name, '\n') && !strchr(value, '\n'));
    return ++*lines < 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    size_t lines = 0;
    int fd = memfd_create("settings", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    config_file_read(path, take, &lines);
    close(fd);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"port = 5000\n# comment\n\nlog-level = \"debug\"\n", "a=b", "= nothing\n", "name\n",
                                  " x = \" y \" \r\n"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
