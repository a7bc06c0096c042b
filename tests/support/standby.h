/* standby.h - a standby of a test server: a second server, which streams what the first one writes. */
#ifndef TEST_STANDBY_H
#define TEST_STANDBY_H

#include "server.h"

#include <stdbool.h>

struct test_standby;

/* NULL when it fails, which says why. End it before its primary is freed. */
struct test_standby *test_standby_start(const struct test_server *primary);

int test_standby_port(const struct test_standby *standby);

/* From here on the primary acknowledges a commit only when the standby has it too. */
bool test_standby_synchronize(const struct test_server *primary);

/* Makes it a primary; true when it takes writes. */
bool test_standby_promote(struct test_standby *standby);

void test_standby_free(struct test_standby *standby);

#endif
