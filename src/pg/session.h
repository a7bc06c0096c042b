/* session.h - what every session of ours is set to, in whatever way it is set up. */
#ifndef DIALOGS_SESSION_H
#define DIALOGS_SESSION_H

/*
 * The server looks once a second whether the client is still there (PostgreSQL 14 and later), so that a statement that
 * was given up ends when its connection is closed. Only where PostgreSQL documents it: elsewhere it would be refused.
 * `local` is "true" or "false", as set_config() takes it.
 */
#define SESSION_CLIENT_CHECK(local)                                                                   \
    "CASE WHEN pg_catalog.current_setting('client_connection_check_interval', true) IS NOT NULL AND " \
    "pg_catalog.strpos(pg_catalog.version(), '-linux-') OPERATOR(pg_catalog.>) 0 THEN "               \
    "pg_catalog.set_config('client_connection_check_interval', '1s', " local ") END"

#endif
