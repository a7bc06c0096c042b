/* fiction.h - users and texts that nobody made up: for trying things out. */
#ifndef SERVICE_FICTION_H
#define SERVICE_FICTION_H

#include "import/prng.h"

#include <dialogs.h>

enum { FICTION_SIZE = 512 };

struct fiction_user {
    dlg_user user; /* its texts are static, or here */
    char birthdate[40];
};

/* The next user of a seed's stream, with a version 8 UUID. */
void fiction_user(struct dice *dice, int64_t created_us, struct fiction_user *person);

/* A sentence or two into `text`, of at least FICTION_SIZE bytes; returns its length. */
size_t fiction_text(struct dice *dice, char *text);

#endif
