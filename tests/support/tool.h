/* tool.h - runs dlgctl on a database, and looks at what it says. */
#ifndef TEST_TOOL_H
#define TEST_TOOL_H

#include "child.h"

#include <stdint.h>

enum { TOOL_ARGUMENTS = 32 };

/*
 * The fixture of a test program: a server, whose database has the tables, empty before each test, and
 * an environment that does not depend on who runs the test.
 */
int tool_group_setup(void **state);
int tool_group_teardown(void **state);
int tool_setup(void **state);
const char *tool_database(void);

/* How many rows there are: `from` follows SELECT count(*) FROM. */
int64_t tool_count(const char *from);

/* dlgctl with `--db conninfo` (NULL: without) and quick password hashes, then the arguments, up to a NULL. */
void tool_run(struct child *child, const char *conninfo, const char *const *arguments);

/* The same without input; fails the test unless it ends with `status`. */
void tool_expect(struct child *child, int status, const char *conninfo, const char *const *arguments);

/* On the fixture's database: ends with `status`, and the outputs contain these (NULL: anything). */
void tool_check(int status, const char *const *arguments, const char *wrote, const char *said);
void tool_check_input(int status, const char *input, const char *const *arguments);

/* One of the two outputs contains this; fails the test otherwise. */
void tool_said(const struct child *child, const char *text);
void tool_wrote(const struct child *child, const char *text);

int tool_lines(const char *text);

/* A file in a directory of the test's own, which is gone after tool_group_teardown(). */
const char *tool_file(const char *name, const char *content);
const char *tool_path(const char *name);

#define TOOL(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
