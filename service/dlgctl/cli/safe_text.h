/*
 * safe_text.h - texts of others on a screen. Characters that play tricks with a terminal are shown as \xNN or \uNNNN:
 * controls, and those that turn the direction of text.
 */
#ifndef DLGCTL_SAFE_TEXT_H
#define DLGCTL_SAFE_TEXT_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints a text that may be anything. Lines after the first begin with `indent`; NULL: there is one line, and the ends
 * of lines are shown so too.
 */
void safe_text_print(FILE *to, const char *text, size_t length, const char *indent);

/* Prints JSON, whose strings then mean what they meant. */
void safe_text_print_json(FILE *to, const char *text);

#endif
