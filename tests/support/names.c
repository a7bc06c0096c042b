/*
 * names.c - loaded into the servers of a test cluster: there, names below .test and the addresses 192.0.2.* are this
 * machine. Everywhere else they are nothing (RFC 6761, RFC 5737), as the addresses of containers are to their host.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>

static bool is_ours(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (dot && strcmp(dot, ".test") == 0) || strncmp(name, "192.0.2.", 8) == 0;
}

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **result)
{
    int (*original)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&original = dlsym(RTLD_NEXT, "getaddrinfo");
    return original(name && is_ours(name) ? "127.0.0.1" : name, service, hints, result);
}
