/* What dlg_uuid_parse() takes is what dlg_uuid_format() writes, but for case. */
#include "fuzz.h"

#include <ctype.h>
#include <dialogs.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dlg_uuid uuid;
    char text[DLG_UUID_TEXT_SIZE];
    if (dlg_uuid_parse(&uuid, (const char *)data, size) != DLG_OK)
        return 0;
    FUZZ_CHECK(size == DLG_UUID_TEXT_SIZE - 1);
    dlg_uuid_format(text, &uuid);
    for (size_t i = 0; i < size; i++)
        FUZZ_CHECK(text[i] == tolower(data[i]));
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {"387ac1c1-6581-4ace-a113-707c8585fe28", "AA45B640-D501-4101-83F2-DE96B672129F",
                                  "00000000-0000-0000-0000-000000000000", "387ac1c165814acea113707c8585fe28",
                                  "{387ac1c1-6581-4ace-a113-707c8585fe28}"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
