/* What proxies write of clients, and what anybody may write before them. */
#include "fuzz.h"

#include "guard/client_address.h"

#include <arpa/inet.h>
#include <string.h>

static void check_spelling(const char *address)
{
    char again[INET6_ADDRSTRLEN] = "", network[NETWORK_SIZE];
    struct in6_addr binary;
    FUZZ_CHECK(strlen(address) < INET6_ADDRSTRLEN);
    FUZZ_CHECK(inet_pton(strchr(address, ':') ? AF_INET6 : AF_INET, address, &binary) == 1);
    FUZZ_CHECK(client_address_read(address, strlen(address), again));
    FUZZ_CHECK(strcmp(address, again) == 0);
    client_address_network(address, network);
    FUZZ_CHECK(strlen(network) < NETWORK_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char address[INET6_ADDRSTRLEN] = "untouched";
    if (client_address_read((const char *)data, size, address))
        check_spelling(address);
    else
        FUZZ_CHECK(strcmp(address, "untouched") == 0);
    char *list = strndup((const char *)data, size);
    FUZZ_CHECK(list);
    snprintf(address, sizeof address, "untouched");
    if (client_address_last(list, address))
        check_spelling(address);
    else
        FUZZ_CHECK(strcmp(address, "untouched") == 0);
    free(list);
    return 0;
}

size_t fuzz_seed(size_t index, uint8_t *seed)
{
    static const char *seeds[] = {
        "192.0.2.7",        "192.0.2.7:8080",           "2001:db8::1",        "[2001:db8::1]:443",
        "::ffff:192.0.2.7", "unknown, 10.0.0.1",        "a, , 198.51.100.4 ", "2001:db8:0:1:ffff:ffff:ffff:ffff",
        "fe80::1%eth0",     "for=192.0.2.60;proto=http"};
    if (index >= sizeof seeds / sizeof *seeds)
        return 0;
    memcpy(seed, seeds[index], strlen(seeds[index]));
    return strlen(seeds[index]);
}
