/* database.h - asks a database directly, beside the library: what is really in the tables. */
#ifndef TEST_DATABASE_H
#define TEST_DATABASE_H

#include <stdint.h>

/* Each fails the test when the statement does. */
void database_execute(const char *conninfo, const char *sql);
int64_t database_number(const char *conninfo, const char *sql);

/* The first field of the first row; to be freed with free(). */
char *database_text(const char *conninfo, const char *sql);

/* One text that is the same for the same rows of both tables, and differs otherwise; to be freed. */
char *database_content(const char *conninfo);

#endif
