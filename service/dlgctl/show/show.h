/* show.h - values on a screen, and as JSON lines. */
#ifndef DLGCTL_SHOW_H
#define DLGCTL_SHOW_H

#include <dialogs.h>
#include <jansson.h>
#include <stdio.h>

/*
 * Prints a text that may be anything: lines after the first begin with `indent`, and control
 * characters, which could play tricks with a terminal, are shown as \xNN.
 */
void show_text(FILE *to, const char *text, size_t length, const char *indent);

/* One JSON line on standard output; takes the value. DLGCTL_OK, or DLGCTL_FAILED when it is NULL. */
int show_json(json_t *value);

#endif
