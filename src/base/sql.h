/* sql.h - the scripts of sql/, as CMake compiles them in. */
#ifndef DIALOGS_SQL_H
#define DIALOGS_SQL_H

extern const char sql_schema[];       /* sql/schema.sql: creates or upgrades the tables, in one transaction */
extern const char sql_feed[];         /* sql/feed.sql: the indexes of feeds */
extern const char sql_node_facts[];   /* sql/node_facts.sql: what a node of a cluster says of itself */
extern const char sql_undistribute[]; /* sql/undistribute.sql: makes a distributed `dialogs` a plain table again */

#endif
