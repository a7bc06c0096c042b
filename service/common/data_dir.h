/* data_dir.h - where dialogsd and dlgctl keep their things when nobody says where. */
#ifndef SERVICE_DATA_DIR_H
#define SERVICE_DATA_DIR_H

/*
 * The data directory: `given` (--data) when it is not NULL, else /var/lib/dialogsd for root, else
 * $XDG_STATE_HOME/dialogs, else ~/.local/state/dialogs. To be freed with free(); NULL when out of
 * memory, or when there is no home directory (errno is ENOENT).
 */
char *data_dir_find(const char *given);

/* Makes the directory and those above it that are missing. 0, or -1 with errno. */
int data_dir_make(const char *data);

/* The conninfo of the private database in the data directory: "embedded:DATA/db". To be freed; NULL: no memory. */
char *data_dir_database(const char *data);

#endif
