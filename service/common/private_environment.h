/* private_environment.h - keeps the variables of libpq, which are meant for other servers, away from a private one. */
#ifndef SERVICE_PRIVATE_ENVIRONMENT_H
#define SERVICE_PRIVATE_ENVIRONMENT_H

/*
 * Before dlg_open(), while there is one thread: removes from the environment of the process what the library cannot
 * overrule, when `conninfo` is embedded:DIR. NULL: libpq's environment is wanted.
 */
void private_environment(const char *conninfo);

#endif
