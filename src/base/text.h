/* text.h - what may be kept as text: UTF-8 (RFC 3629) without NUL. */
#ifndef DIALOGS_TEXT_H
#define DIALOGS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Shortest forms only, no surrogates, nothing above U+10FFFF, no NUL. An empty text is valid. */
bool text_is_valid(const char *text, size_t length);

/* Copies the text and a NUL to *at, and moves *at behind them. Returns the copy. */
char *text_copy(char **at, const char *text, size_t length);

/* Puts '?' in the place of each byte that is not UTF-8. The text ends with NUL. */
void text_make_valid(char *text);

#endif
