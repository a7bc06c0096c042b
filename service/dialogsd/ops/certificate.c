#include "ops/certificate.h"

#include "ops/service_log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_MOST = 16 };

/* Older ones stay until the end: a handshake may be using them, and they are replaced a few times a year. */
struct certificate {
    struct certificate *older;
    gnutls_pcert_st chain[CHAIN_MOST];
    unsigned length;
    gnutls_privkey_t key;
};

static _Atomic(struct certificate *) current;

static bool refuse_files(const char *file, int code)
{
    return say("%s cannot be used for TLS: %s", file, gnutls_strerror(code));
}

static bool read_chain(struct certificate *certificate, const char *file)
{
    gnutls_datum_t text = {0};
    unsigned length = CHAIN_MOST;
    int code = gnutls_load_file(file, &text);
    if (code == 0)
        code = gnutls_pcert_list_import_x509_raw(certificate->chain, &length, &text, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(text.data);
    if (code < 0)
        return refuse_files(file, code);
    certificate->length = length;
    return true;
}

static bool read_key(struct certificate *certificate, const char *file)
{
    gnutls_datum_t text = {0};
    int code = gnutls_load_file(file, &text);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw(certificate->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (text.data)
        gnutls_memset(text.data, 0, text.size);
    gnutls_free(text.data);
    return code < 0 ? refuse_files(file, code) : true;
}

/* Whether the key is that of the first certificate. */
static bool belong_together(const struct certificate *certificate)
{
    unsigned char ids[2][64];
    size_t sizes[2] = {sizeof ids[0], sizeof ids[1]};
    gnutls_pubkey_t own;
    if (gnutls_pubkey_init(&own) < 0)
        return false;
    bool same = gnutls_pubkey_import_privkey(own, certificate->key, 0, 0) == 0 &&
                gnutls_pubkey_get_key_id(own, 0, ids[0], &sizes[0]) == 0 &&
                gnutls_pubkey_get_key_id(certificate->chain[0].pubkey, 0, ids[1], &sizes[1]) == 0 &&
                sizes[0] == sizes[1] && memcmp(ids[0], ids[1], sizes[0]) == 0;
    gnutls_pubkey_deinit(own);
    return same;
}

static void discard(struct certificate *certificate)
{
    for (unsigned i = 0; i < certificate->length; i++)
        gnutls_pcert_deinit(&certificate->chain[i]);
    gnutls_privkey_deinit(certificate->key);
    free(certificate);
}

bool certificate_load(const char *chain_file, const char *key_file)
{
    struct certificate *made = calloc(1, sizeof *made);
    if (!made || gnutls_privkey_init(&made->key) < 0) {
        free(made);
        return say("out of memory");
    }
    bool good =
        read_chain(made, chain_file) && read_key(made, key_file) &&
        (belong_together(made) || say("the key in %s is not that of the certificate in %s", key_file, chain_file));
    if (!good) {
        discard(made);
        return false;
    }
    made->older = atomic_load(&current);
    atomic_store(&current, made);
    return true;
}

bool certificate_check_priorities(const char *text)
{
    const char *where = text;
    gnutls_priority_t priorities;
    int code = gnutls_priority_init(&priorities, text, &where);
    if (code < 0)
        return say("--tls-priorities: %s at \"%s\"; gnutls-cli --list shows the names", gnutls_strerror(code), where);
    gnutls_priority_deinit(priorities);
    return true;
}

void certificate_close(void)
{
    struct certificate *certificate = atomic_exchange(&current, NULL), *older;
    for (; certificate; certificate = older) {
        older = certificate->older;
        discard(certificate);
    }
}

int certificate_choose(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                       const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
                       unsigned int *length, gnutls_privkey_t *key)
{
    (void)session, (void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count;
    struct certificate *certificate = atomic_load(&current);
    *chain = certificate->chain;
    *length = certificate->length;
    *key = certificate->key;
    return 0;
}
