/* client_address.h - who is at the other end: addresses in one spelling, and the network that limits count by. */
#ifndef DIALOGSD_CLIENT_ADDRESS_H
#define DIALOGSD_CLIENT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { NETWORK_SIZE = INET6_ADDRSTRLEN + 4 };

/*
 * Reads an address as proxies write it: IPv4, IPv6, either with a port, IPv6 in brackets. Writes it in its one
 * spelling; an IPv4 address inside of an IPv6 one as IPv4. False: it is none, and `address` stays as it was.
 */
bool client_address_read(const char *text, size_t length, char address[INET6_ADDRSTRLEN]);

/* The last element of a list of addresses (RFC 9110, 5.6.1), read in the same way. */
bool client_address_last(const char *list, char address[INET6_ADDRSTRLEN]);

/*
 * What one customer of a provider has: an IPv4 address, but 2^64 addresses of IPv6 ("2001:db8:0:1::/64"). Of
 * addresses as the functions above write them.
 */
void client_address_network(const char *address, char network[NETWORK_SIZE]);

#endif
