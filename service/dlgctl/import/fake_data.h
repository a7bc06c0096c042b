/* fake_data.h - users and texts that nobody made up: for trying things out. */
#ifndef DLGCTL_FAKE_DATA_H
#define DLGCTL_FAKE_DATA_H

#include "import/prng.h"

#include <dialogs.h>

enum { FAKE_TEXT_SIZE = 512 };

struct fake_user {
    dlg_user user; /* its texts are static, or here */
    char birthdate[40];
};

/* The next user of a seed's stream, with a version 8 UUID. */
void fake_user(struct prng *prng, int64_t created_us, struct fake_user *person);

/* A sentence or two into `text`, of at least FAKE_TEXT_SIZE bytes; returns its length. */
size_t fake_text(struct prng *prng, char *text);

#endif
