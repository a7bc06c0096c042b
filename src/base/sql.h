/* sql.h - the scripts of sql/, as CMake compiles them in. */
#ifndef DIALOGS_SQL_H
#define DIALOGS_SQL_H

#include <stdbool.h>

extern const char sql_feed[];         /* sql/feed.sql: the indexes of feeds */
extern const char sql_node_facts[];   /* sql/node_facts.sql: what a node of a cluster says of itself */
extern const char sql_undistribute[]; /* sql/undistribute.sql: makes a distributed `dialogs` a plain table again */

/* A file sql/NNNN_name.sql: brings the tables from version NNNN - 1 to version NNNN. */
struct sql_migration {
    const char *name;
    const char *plain;       /* for plain tables */
    const char *distributed; /* for distributed ones; often the same */
    bool alone;              /* outside of a transaction */
};

extern const struct sql_migration sql_migrations[]; /* from 1 on */
extern const int sql_migration_count;               /* the version that this library works with */

#endif
