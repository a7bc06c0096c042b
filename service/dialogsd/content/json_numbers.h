/* json_numbers.h - numbers in a JSON text that nobody is going to read. */
#ifndef DIALOGSD_JSON_NUMBERS_H
#define DIALOGSD_JSON_NUMBERS_H

#include <stddef.h>

/*
 * Makes every number a 0 with blanks behind it. No call takes a number, but jansson refuses a body that has one beyond
 * its types, such as 1e999, in a field that the call ignores. What is no number by the grammar (RFC 8259, 6) stays.
 */
void json_numbers_blank(char *text, size_t length);

#endif
