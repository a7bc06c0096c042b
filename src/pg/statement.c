#include "pg/statement.h"

#include <dialogs.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_COLUMNS "id, user_id, to_user_id, text, create_date"
/* The server's time, but later than all that the sender knows of. */
#define STAMP(floor) "greatest(pg_catalog.statement_timestamp(), " floor ")"
#define USER_COLUMNS \
    "id, first_name, second_name, pg_catalog.to_char(birthdate, 'YYYY-MM-DD'), biography, city, create_date"
/* A search finds up to 1,000 users, whose biographies may be as long as messages. */
#define FOUND_COLUMNS \
    "id, first_name, second_name, pg_catalog.to_char(birthdate, 'YYYY-MM-DD'), NULL::text, city, create_date"
/* As a range, which an index of text_pattern_ops serves under a generic plan too; U+10FFFF is the last character. */
#define BEGINS_WITH(column, prefix) column " ~>=~ " prefix " AND " column " ~<=~ (" prefix " || U&'\\+10FFFF')"
/* By the index of this order, which gives what it finds in order: no more is read than is asked for. */
#define SEARCH(column, other)                                                                          \
    "SELECT " FOUND_COLUMNS " FROM public.users WHERE " BEGINS_WITH(column, "$1") " AND " BEGINS_WITH( \
        other, "$2") " ORDER BY " column " USING ~<~, " other " USING ~<~ LIMIT $3"
/* clang-format off */
#define PAGE_FROM(table, mine, author, recipient, compare, from, order, limit)          \
    "SELECT id, text, create_date, update_date" mine " FROM public." table " "          \
    "WHERE user_id = " author " AND to_user_id = " recipient                            \
    " AND (create_date, id) " compare " (" from ") ORDER BY create_date " order ", id " order " LIMIT " limit
#define PAGE_OF(mine, author, recipient, compare, from, order, limit)                   \
    PAGE_FROM("dialogs", mine, author, recipient, compare, from, order, limit)
/* A half of a dialog from its shard's own table, which spares Citus' own work, most of what a small page costs. */
#define SHARD_OF(compare, order) PAGE_FROM("dialogs_%lld", "", "$1", "$2", compare, "$3, $4", order, "$5")
/* Each half has its own end, so that no more of a long dialog is read than two pages. */
#define DIALOG_OF(compare, order)                                                       \
    "SELECT id, text, create_date, update_date, mine FROM ("                            \
    "(" PAGE_OF(", true AS mine", "$1", "$2", compare, "$3, $4", order, "$7") ")"       \
    " UNION ALL "                                                                       \
    "(" PAGE_OF(", false", "$2", "$1", compare, "$5, $6", order, "$7") ")"              \
    ") AS dialog ORDER BY create_date " order ", id " order " LIMIT $7"
/*
 * The texts of a page only as far as their bytes before are within the bound: the others are not sent. The lengths are
 * read from the rows, without the texts. It costs a few microseconds, and a page of few messages goes without.
 */
#define WORD_OF(number) #number
#define DIGITS_OF(number) WORD_OF(number)
#define LONG_OF(mine, page, order)                                                      \
    "SELECT id, CASE WHEN pg_catalog.sum(pg_catalog.octet_length(text)) OVER (ORDER BY create_date " order ", id " order \
    " ROWS UNBOUNDED PRECEDING) - pg_catalog.octet_length(text) <= " DIGITS_OF(DLG_PAGE_BYTES) " THEN text END, "   \
    "create_date, update_date" mine " FROM (" page ") AS page ORDER BY create_date " order ", id " order
/* clang-format on */
/* Where the newest of a window stand, without their texts; in the order of a page's columns. */
#define POSITIONS_OF(table, which, from, until, limit)                                                           \
    "SELECT id, ''::text, create_date FROM public." table " WHERE " which " AND (create_date, id) > (" from ") " \
    "AND (create_date, id) <= (" until ") ORDER BY create_date DESC, id DESC LIMIT " limit
/*
 * All that a user got; all that a user wrote to others, so that a message to oneself is not found by both. Their
 * indexes are of these expressions. The recipient is named once more for Citus, which finds the shard by it.
 */
#define FEED_TO "pg_catalog.uuid_send(to_user_id) = pg_catalog.uuid_send($1) AND to_user_id = $1"
#define FEED_FROM "pg_catalog.uuid_send(user_id) = pg_catalog.uuid_send($1) AND to_user_id <> $1"
#define FEED_OF(whose, compare, order)                                                                \
    "SELECT id, text, create_date, update_date, user_id, to_user_id FROM public.dialogs WHERE " whose \
    " AND (create_date, id) " compare " ($2, $3) ORDER BY create_date " order ", id " order " LIMIT $4"

/* clang-format off */
/*
 * Who holds, or waits for, the lock that a writer has from before its stamp until after its commit, and whether some of
 * an earlier answer are still there: see engine/watermark.h. The clock is set before the statement runs, so before the
 * locks are looked at. A transaction that was prepared before a restart (-1/...) has lost its name. `owners` are the
 * nodes that have shards.
 */
#define WRITERS_OF(group, owners, earlier, from, on)                                                                 \
    "SELECT pg_catalog.statement_timestamp() AS now, w.writers, w.held, w.groupid, " owners " AS owners "             \
    "FROM (SELECT " group " AS groupid, "                                                                             \
    "coalesce(string_agg(DISTINCT concat(" group ", ':', l.virtualtransaction), ' ') "                                \
    "FILTER (WHERE l.virtualtransaction IS NOT NULL), '') AS writers, "                                               \
    "coalesce(bool_or(starts_with(l.virtualtransaction, '-1/') OR concat(" group ", ':', l.virtualtransaction) "             \
    "= ANY (string_to_array(" earlier ", ' '))), false) AS held "                                                     \
    "FROM " from "pg_catalog.pg_locks l " on " l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' "              \
    "AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) "
#define DIALOGS_LOCKED "l.relation = pg_catalog.to_regclass('public.dialogs')"
/* A worker's part of what another node wrote locks the shard only. What is being copied to this node is no message. */
#define SHARD_LOCKED                                                                                                  \
    "EXISTS (SELECT FROM pg_catalog.pg_dist_placement p WHERE p.groupid = g.groupid AND p.shardid = "                 \
    "substring(l.relation::regclass::text FROM '^(?:public\\.)?dialogs_([0-9]+)$')::bigint)"
#define PLACEMENTS                                                                                                    \
    "pg_catalog.pg_dist_shard s JOIN pg_catalog.pg_dist_placement p USING (shardid) "                                 \
    "WHERE s.logicalrelid = pg_catalog.to_regclass('public.dialogs')"
#define OWNERS "(SELECT coalesce(string_agg(DISTINCT p.groupid::text, ' '), '') FROM " PLACEMENTS ")"
#define WRITERS_PLAIN(earlier) WRITERS_OF("(-1)", "''", earlier, "", "WHERE") "AND " DIALOGS_LOCKED ") w"
#define WRITERS_CITUS(earlier)                                                                                        \
    WRITERS_OF("g.groupid", OWNERS, earlier, "pg_catalog.pg_dist_local_group g LEFT JOIN ", "ON")                     \
    "AND (" DIALOGS_LOCKED " OR " SHARD_LOCKED ") GROUP BY g.groupid) w"
/* clang-format on */

/*
 * The shards of the array that this node has, and keeps: not one whose row a transaction under way or prepared has
 * changed. Citus moves a shard in a commit of two phases; between them the old node's row is visible still, while
 * others write to the new node already. But the row has been marked (xmax) since before the first phase. The mark of a
 * change that was rolled back is older than all that the statement's snapshot shows as under way, and 0 counts as
 * oldest. Row and mark are of one snapshot, so no commit falls between two questions, as it could with
 * pg_prepared_xacts.
 */
#define AMONG "FROM pg_catalog.pg_dist_placement p WHERE p.shardid = ANY ($1) AND p.shardstate = 1 "
#define LOCAL_GROUP "(SELECT groupid FROM pg_catalog.pg_dist_local_group)"
#define UNMARKED \
    "pg_catalog.age(p.xmax) > pg_catalog.age(pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::xid)"
#define PLACED "SELECT p.shardid, true AS here " AMONG "AND p.groupid = " LOCAL_GROUP " AND " UNMARKED

/*
 * The shards of the array, and which version of its row each has, asked before Citus reads them. A session hears that a
 * shard has moved when the move's transaction ends; that is after it has told the new node, where others write already.
 * Until then what this node reads may be of the old node. The transaction that wrote the row holds its own lock to its
 * end, after it has told all sessions (CommitTransaction() and FinishPreparedTransaction() of PostgreSQL). The map says
 * of which version that is over, so that a read looks at no locks. On the coordinator, which commits first, a mark
 * means nothing yet.
 */
#define ROW_VERSION "p.xmin::pg_catalog.text::bigint"
#define SETTLED                                                                                                \
    "SELECT p.shardid, p.groupid = " LOCAL_GROUP " AS here, " ROW_VERSION " AS row " AMONG "AND (" LOCAL_GROUP \
    " = 0 OR " UNMARKED ")"
#define SETTLED_VERSION                                                                           \
    "CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'transactionid' AND " \
    "l.transactionid = p.xmin AND l.mode = 'ExclusiveLock' AND l.granted) THEN 0 ELSE " ROW_VERSION " END "

/*
 * The revoked tokens of a user but for those that have expired, and the one that is to be added. Without a subquery,
 * which Citus does not take in an UPDATE.
 */
#define OTHERS_REVOKED                                                                                                 \
    "pg_catalog.jsonb_path_query_array(coalesce(revoked_tokens, '[]'), '$[*] ? (@.until > $now && @.hash != $hash)', " \
    "pg_catalog.jsonb_build_object('hash', $2, 'now', $4))"
#define REVOKED_MOST "128"

static const struct statement table[STATEMENT_COUNT] = {
    [STATEMENT_MESSAGE_INSERT] =
        {.name = "dlg_message_insert",
         .sql = "INSERT INTO public.dialogs (" MESSAGE_COLUMNS ") VALUES ($1, $2, $3, $4, " STAMP(
             "$5") ") "
                   "ON CONFLICT (id, to_user_id) DO NOTHING RETURNING create_date",
         .rows_name = "dlg_message_insert_rows",
         .rows_sql =
             "INSERT INTO public.dialogs (" MESSAGE_COLUMNS ") "
             "SELECT id, author, recipient, text, " STAMP(
                 "floor") " + place * interval '1 microsecond' "
                          "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), "
                          "pg_catalog.unnest($4), pg_catalog.unnest($5)) WITH ORDINALITY "
                          "AS rows (id, author, recipient, text, floor, place) "
                          "ON CONFLICT (id, to_user_id) DO NOTHING RETURNING id, create_date",
         .stamps = true,
         .writes = true,
         .count = 5,
         .types = {OID_INT8, OID_UUID, OID_UUID, OID_TEXT, OID_TIMESTAMPTZ},
         .array_types = {OID_INT8_ARRAY, OID_UUID_ARRAY, OID_UUID_ARRAY, OID_TEXT_ARRAY, OID_TIMESTAMPTZ_ARRAY}},
    [STATEMENT_MESSAGE_FIND] =
        {.name = "dlg_message_find",
         .sql = "SELECT user_id, text, create_date, update_date FROM public.dialogs WHERE id = $1 AND to_user_id = $2",
         .count = 2,
         .types = {OID_INT8, OID_UUID}},
    [STATEMENT_PAGE_AFTER] = {.name = "dlg_page_after",
                              .sql = PAGE_OF("", "$1", "$2", ">", "$3, $4", "ASC", "$5"),
                              .shard_sql = SHARD_OF(">", "ASC"),
                              .count = 5,
                              .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_PAGE_BEFORE] = {.name = "dlg_page_before",
                               .sql = PAGE_OF("", "$1", "$2", "<", "$3, $4", "DESC", "$5"),
                               .shard_sql = SHARD_OF("<", "DESC"),
                               .count = 5,
                               .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_DIALOG_AFTER] = {.name = "dlg_dialog_after",
                                .sql = DIALOG_OF(">", "ASC"),
                                .count = 7,
                                .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_TIMESTAMPTZ, OID_INT8,
                                          OID_INT8}},
    [STATEMENT_DIALOG_BEFORE] = {.name = "dlg_dialog_before",
                                 .sql = DIALOG_OF("<", "DESC"),
                                 .count = 7,
                                 .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_TIMESTAMPTZ, OID_INT8,
                                           OID_INT8}},
    [STATEMENT_LONG_PAGE_AFTER] = {.name = "dlg_long_page_after",
                                   .sql = LONG_OF("", PAGE_OF("", "$1", "$2", ">", "$3, $4", "ASC", "$5"), "ASC"),
                                   .shard_sql = LONG_OF("", SHARD_OF(">", "ASC"), "ASC"),
                                   .count = 5,
                                   .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_LONG_PAGE_BEFORE] = {.name = "dlg_long_page_before",
                                    .sql = LONG_OF("", PAGE_OF("", "$1", "$2", "<", "$3, $4", "DESC", "$5"), "DESC"),
                                    .shard_sql = LONG_OF("", SHARD_OF("<", "DESC"), "DESC"),
                                    .count = 5,
                                    .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_LONG_DIALOG_AFTER] = {.name = "dlg_long_dialog_after",
                                     .sql = LONG_OF(", mine", DIALOG_OF(">", "ASC"), "ASC"),
                                     .count = 7,
                                     .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_TIMESTAMPTZ, OID_INT8,
                                               OID_INT8}},
    [STATEMENT_LONG_DIALOG_BEFORE] = {.name = "dlg_long_dialog_before",
                                      .sql = LONG_OF(", mine", DIALOG_OF("<", "DESC"), "DESC"),
                                      .count = 7,
                                      .types = {OID_UUID, OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_TIMESTAMPTZ,
                                                OID_INT8, OID_INT8}},
    [STATEMENT_FEED_TO_AFTER] = {.name = "dlg_feed_to_after",
                                 .sql = FEED_OF(FEED_TO, ">", "ASC"),
                                 .count = 4,
                                 .types = {OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_FEED_TO_BEFORE] = {.name = "dlg_feed_to_before",
                                  .sql = FEED_OF(FEED_TO, "<", "DESC"),
                                  .count = 4,
                                  .types = {OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_FEED_FROM_AFTER] = {.name = "dlg_feed_from_after",
                                   .sql = FEED_OF(FEED_FROM, ">", "ASC"),
                                   .count = 4,
                                   .types = {OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_FEED_FROM_BEFORE] = {.name = "dlg_feed_from_before",
                                    .sql = FEED_OF(FEED_FROM, "<", "DESC"),
                                    .count = 4,
                                    .types = {OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_INT8}},
    [STATEMENT_FEED_TO_POSITIONS] = {.name = "dlg_feed_to_positions",
                                     .sql = POSITIONS_OF("dialogs", FEED_TO, "$2, $3", "$4, $5", "$6"),
                                     .count = 6,
                                     .types = {OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_TIMESTAMPTZ, OID_INT8,
                                               OID_INT8}},
    [STATEMENT_FEED_FROM_POSITIONS] = {.name = "dlg_feed_from_positions",
                                       .sql = POSITIONS_OF("dialogs", FEED_FROM, "$2, $3", "$4, $5", "$6"),
                                       .count = 6,
                                       .types = {OID_UUID, OID_TIMESTAMPTZ, OID_INT8, OID_TIMESTAMPTZ, OID_INT8,
                                                 OID_INT8}},
    [STATEMENT_USER_INSERT] =
        {.name = "dlg_user_insert",
         .users = true,
         .sql = "INSERT INTO public.users (id, password_hash, first_name, second_name, birthdate, biography, city, "
                "create_date) VALUES ($1, $2, $3, $4, $5::text::date, $6, $7, pg_catalog.statement_timestamp()) "
                "ON CONFLICT (id) DO NOTHING",
         .writes = true,
         .count = 7,
         .types = {OID_UUID, OID_TEXT, OID_TEXT, OID_TEXT, OID_TEXT, OID_TEXT, OID_TEXT}},
    [STATEMENT_USER_GET] = {.name = "dlg_user_get",
                            .users = true,
                            .sql = "SELECT " USER_COLUMNS " FROM public.users WHERE id = $1",
                            .count = 1,
                            .types = {OID_UUID}},
    [STATEMENT_USER_EXISTS] = {.name = "dlg_user_exists",
                               .users = true,
                               .sql = "SELECT id FROM public.users WHERE id = $1",
                               .count = 1,
                               .types = {OID_UUID}},
    [STATEMENT_USER_HASH] = {.name = "dlg_user_hash",
                             .users = true,
                             .sql = "SELECT password_hash, tokens_since FROM public.users WHERE id = $1",
                             .count = 1,
                             .types = {OID_UUID}},
    [STATEMENT_USER_SET_HASH] = {.name = "dlg_user_set_hash",
                                 .users = true,
                                 .sql = "UPDATE public.users SET password_hash = $2, revoked_tokens = NULL, "
                                        "tokens_since = pg_catalog.statement_timestamp() WHERE id = $1",
                                 .writes = true,
                                 .count = 2,
                                 .types = {OID_UUID, OID_TEXT}},
    [STATEMENT_USER_RENEW_HASH] =
        {.name = "dlg_user_renew_hash",
         .users = true,
         .sql = "UPDATE public.users SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
         .writes = true,
         .count = 3,
         .types = {OID_UUID, OID_TEXT, OID_TEXT}},
    [STATEMENT_USER_TOKEN] =
        {.name = "dlg_user_token",
         .users = true,
         .sql = "SELECT tokens_since, coalesce(pg_catalog.jsonb_contains(revoked_tokens, pg_catalog.jsonb_build_array("
                "pg_catalog.jsonb_build_object('hash', $2))), false) FROM public.users WHERE id = $1",
         .count = 2,
         .types = {OID_UUID, OID_TEXT}},
    [STATEMENT_USER_REVOKE] = {.name = "dlg_user_revoke",
                               .users = true,
                               .sql = "UPDATE public.users SET revoked_tokens = " OTHERS_REVOKED " || "
                                      "pg_catalog.jsonb_build_object('hash', $2, 'until', $3) "
                                      "WHERE id = $1 AND pg_catalog.jsonb_array_length(" OTHERS_REVOKED
                                      ") < " REVOKED_MOST,
                               .writes = true,
                               .count = 4,
                               .types = {OID_UUID, OID_TEXT, OID_INT8, OID_INT8}},
    [STATEMENT_USER_REVOKE_ALL] = {.name = "dlg_user_revoke_all",
                                   .users = true,
                                   .sql = "UPDATE public.users SET revoked_tokens = NULL, "
                                          "tokens_since = pg_catalog.statement_timestamp() WHERE id = $1",
                                   .writes = true,
                                   .count = 1,
                                   .types = {OID_UUID}},
    [STATEMENT_USER_SEARCH_FIRST] = {.name = "dlg_user_search_first",
                                     .users = true,
                                     .sql = SEARCH("first_name", "second_name"),
                                     .count = 3,
                                     .types = {OID_TEXT, OID_TEXT, OID_INT8}},
    [STATEMENT_USER_SEARCH_SECOND] = {.name = "dlg_user_search_second",
                                      .users = true,
                                      .sql = SEARCH("second_name", "first_name"),
                                      .count = 3,
                                      .types = {OID_TEXT, OID_TEXT, OID_INT8}},
    [STATEMENT_PLACED] = {.name = "dlg_placed", .sql = PLACED, .count = 1, .types = {OID_INT8_ARRAY}},
    [STATEMENT_SETTLED] = {.name = "dlg_settled", .sql = SETTLED, .count = 1, .types = {OID_INT8_ARRAY}},
    [STATEMENT_WRITERS] = {.name = "dlg_writers", .sql = WRITERS_PLAIN("$1"), .count = 1, .types = {OID_TEXT}},
    [STATEMENT_WRITERS_CITUS] = {.name = "dlg_writers_citus",
                                 .sql = WRITERS_CITUS("$1"),
                                 .count = 1,
                                 .types = {OID_TEXT}},
    /* An answer only when all that have shards have answered. */
    [STATEMENT_WRITERS_ALL] =
        {.name = "dlg_writers_all",
         .sql = "WITH answers AS MATERIALIZED (SELECT success, string_to_array(result, ';') AS fields "
                "FROM run_command_on_workers(format($command$"
                "SELECT concat_ws(';', (extract(epoch FROM a.now) * 1000000)::bigint, a.held, a.groupid, a.writers) "
                "FROM (" WRITERS_CITUS(
                    "%L") ") a$command$, $1))), parts AS (SELECT a.now, a.writers, a.held, a.groupid, true AS good "
                          "FROM (" WRITERS_CITUS(
                              "$1") ") a UNION ALL "
                                    "SELECT timestamptz 'epoch' + fields[1]::bigint * interval '1 microsecond', "
                                    "fields[4], fields[2] = 't', fields[3]::integer, true FROM answers WHERE success "
                                    "UNION ALL SELECT NULL, NULL, NULL, NULL, false FROM answers WHERE NOT success) "
                                    "SELECT min(now), coalesce(string_agg(writers, ' ') FILTER (WHERE writers <> ''), "
                                    "''), bool_or(held), 0, '' FROM parts HAVING bool_and(good) AND NOT EXISTS "
                                    "(SELECT FROM " PLACEMENTS " AND p.groupid NOT IN (SELECT groupid FROM parts))",
         .count = 1,
         .types = {OID_TEXT}},
    [STATEMENT_SHARD_MAP] =
        {.name = "dlg_shard_map",
         .sql = "SELECT s.shardid, s.shardminvalue::integer, s.shardmaxvalue::integer, p.groupid, n.nodename, "
                "n.nodeport, citus_version(), EXISTS (SELECT FROM pg_catalog.pg_dist_partition u "
                "WHERE u.logicalrelid = pg_catalog.to_regclass('public.users') AND u.partmethod = 'h' "
                "AND u.colocationid = t.colocationid), " SETTLED_VERSION "FROM pg_catalog.pg_dist_partition t "
                "JOIN pg_catalog.pg_dist_shard s ON s.logicalrelid = t.logicalrelid "
                "JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid AND p.shardstate = 1 "
                "LEFT JOIN pg_catalog.pg_dist_node n ON n.groupid = p.groupid AND n.noderole = 'primary' "
                "AND n.isactive AND n.hasmetadata AND n.metadatasynced "
                "WHERE t.logicalrelid = pg_catalog.to_regclass('public.dialogs') AND t.partmethod = 'h'"},
    [STATEMENT_IS_CITUS] = {.name = "dlg_is_citus",
                            .sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus')"},
};

const struct statement *statement_get(enum statement_id id)
{
    return &table[id];
}

int statement_index(const struct statement *statement)
{
    return (int)(statement - table);
}

void statement_shard_sql(const struct statement *statement, int64_t shard, char *sql, size_t size)
{
    snprintf(sql, size, statement->shard_sql, (long long)shard);
}

void put_int32(char *to, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    memcpy(to, &wire, sizeof wire);
}

void put_int64(char *to, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    memcpy(to, &wire, sizeof wire);
}

int32_t get_int32(const char *from)
{
    uint32_t wire;
    memcpy(&wire, from, sizeof wire);
    return (int32_t)be32toh(wire);
}

int64_t get_int64(const char *from)
{
    uint64_t wire;
    memcpy(&wire, from, sizeof wire);
    return (int64_t)be64toh(wire);
}

#define EPOCH_2000_US INT64_C(946684800000000)

int64_t timestamp_from_us(int64_t us)
{
    if (us == INT64_MAX || us < INT64_MIN + EPOCH_2000_US)
        return us == INT64_MAX ? INT64_MAX : INT64_MIN;
    return us - EPOCH_2000_US;
}

int64_t timestamp_to_us(int64_t timestamp)
{
    if (timestamp == INT64_MIN || timestamp > INT64_MAX - EPOCH_2000_US)
        return timestamp == INT64_MIN ? INT64_MIN : INT64_MAX;
    return timestamp + EPOCH_2000_US;
}
