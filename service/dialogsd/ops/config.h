/* config.h - how dialogsd is told what to do: flags, then the environment, then a file, then defaults. */
#ifndef DIALOGSD_CONFIG_H
#define DIALOGSD_CONFIG_H

#include <dialogs.h>
#include <stdbool.h>
#include <stdio.h>

enum config_action { CONFIG_SERVE, CONFIG_CHECK, CONFIG_ROUTES, CONFIG_VERSION, CONFIG_HELP };

struct config {
    enum config_action action;
    char *file; /* NULL: none */
    char *listen;
    char *db;   /* never NULL after config_read() */
    char *data; /* the same */
    char *log;
    char *log_level;
    char *pages; /* NULL: looked for */
    char *cors;  /* NULL: no other site's pages */
    char *redis; /* NULL: there are no other replicas */
    int64_t port;
    int64_t admin_port; /* 0: no listener of its own for operators */
    char *admin_listen;
    int64_t memory_mib;
    int64_t threads;
    int64_t body_limit;
    int64_t header_limit;
    char *tls_certificate; /* NULL: plain HTTP */
    char *tls_key;
    char *tls_priorities;
    int64_t hsts_s; /* 0: none */
    int64_t connections;
    int64_t connections_per_address;
    int64_t idle_timeout_s;
    int64_t request_timeout_s;
    int64_t drain_timeout_s;
    int64_t requests;
    int64_t wait_target_ms;
    int64_t login_attempts;
    int64_t login_attempts_per_hour;
    int64_t login_attempts_per_user;
    int64_t login_attempts_per_address;
    int64_t logins_per_address;
    int64_t registrations;
    int64_t searches_per_address;
    int64_t timeout_ms; /* the library's setting */
    int64_t send_rate;
    int64_t streams_per_user;
    int64_t heartbeat_s;
    int64_t catch_up_s;
    bool own_data; /* the private server under `data` is used */
    bool demo;
    bool proxied;
    dlg_settings *settings;
};

/*
 * Reads file, environment and flags. Returns false, having said on stderr what is wrong and what would
 * be right, when they are not acceptable. config_free() is due either way.
 */
bool config_read(struct config *config, int count, char **arguments);
void config_free(struct config *config);

void config_help(FILE *out);

/* The value of a setting of the library that is a number. */
int64_t config_setting(const struct config *config, const char *name);

#endif
