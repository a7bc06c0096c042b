/*
 * certificate.h - what dialogsd shows of itself over TLS: a chain of certificates and their key, from two PEM files
 * that may be replaced while it runs. One for the process, since the HTTP library asks for it without event whose.
 */
#ifndef DIALOGSD_CERTIFICATE_H
#define DIALOGSD_CERTIFICATE_H

#include <gnutls/abstract.h>
#include <stdbool.h>

/*
 * Reads the files anew; connections that begin from now on get what they hold. False, having said why, when they are no
 * good: then what was there before stays.
 */
bool certificate_load(const char *chain_file, const char *key_file);

/* Whether GnuTLS understands these priorities. False, having said where not. */
bool certificate_check_priorities(const char *text);

/* After the last connection. */
void certificate_close(void);

/* For GnuTLS, in any thread: gnutls_certificate_retrieve_function2. */
int certificate_choose(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                       const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
                       unsigned int *length, gnutls_privkey_t *key);

#endif
