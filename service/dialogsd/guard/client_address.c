#include "guard/client_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Takes brackets and a port away. */
static size_t host_length(const char **text, size_t length)
{
    const char *end = *text + length;
    const char *colon = memchr(*text, ':', length);
    if (length && **text == '[') {
        const char *bracket = memchr(*text, ']', length);
        *text += 1;
        return bracket ? (size_t)(bracket - *text) : 0;
    }
    bool one = colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1));
    return one ? (size_t)(colon - *text) : length;
}

bool client_address_read(const char *text, size_t length, char address[INET6_ADDRSTRLEN])
{
    char host[INET6_ADDRSTRLEN];
    struct in_addr four;
    struct in6_addr six;
    length = host_length(&text, length);
    if (length >= sizeof host)
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    bool is_four = inet_pton(AF_INET, host, &four) == 1;
    if (!is_four && inet_pton(AF_INET6, host, &six) != 1)
        return false;
    if (!is_four && IN6_IS_ADDR_V4MAPPED(&six)) {
        memcpy(&four, &six.s6_addr[12], sizeof four);
        is_four = true;
    }
    return inet_ntop(is_four ? AF_INET : AF_INET6, is_four ? (void *)&four : (void *)&six, address, INET6_ADDRSTRLEN);
}

bool client_address_last(const char *list, char address[INET6_ADDRSTRLEN])
{
    static const char blanks[] = " \t";
    const char *comma = strrchr(list, ',');
    const char *last = comma ? comma + 1 : list;
    last += strspn(last, blanks);
    return client_address_read(last, strcspn(last, blanks), address);
}

void client_address_network(const char *address, char network[NETWORK_SIZE])
{
    enum { NETWORK_BYTES = 8 };
    struct in6_addr six;
    char text[INET6_ADDRSTRLEN];
    snprintf(network, NETWORK_SIZE, "%s", address);
    if (inet_pton(AF_INET6, address, &six) != 1)
        return;
    memset(&six.s6_addr[NETWORK_BYTES], 0, sizeof six - NETWORK_BYTES);
    if (inet_ntop(AF_INET6, &six, text, sizeof text))
        snprintf(network, NETWORK_SIZE, "%s/64", text);
}
