/* cluster_query.h - the steps that every piece of administrative work is made of: connect, ask, execute, report. */
#ifndef DIALOGS_CLUSTER_QUERY_H
#define DIALOGS_CLUSTER_QUERY_H

#include "cluster/cluster_task.h"

/* ---- Steps ---- */

/* Connects. DLG_E_NOT_CLUSTER, DLG_E_PRECONDITION (a worker, an old Citus). */
int cluster_connect(struct cluster_task *task);

/* DLG_E_NOT_CLUSTER unless `dialogs` is distributed. */
int cluster_need_distributed(struct cluster_task *task);

/* DLG_E_PRECONDITION unless we are a superuser; `what` needs one. */
int cluster_need_superuser(struct cluster_task *task, const char *what);

/* Says what is being done. DLG_E_CANCELLED when the callback wants no more; also the deadline, and closing. */
int cluster_phase(struct cluster_task *task, const char *phase);
int cluster_report(struct cluster_task *task);

/*
 * A short question, or a statement that asks every node, on `conn` or the watching session. NULL on failure. A number
 * of parameters in `values`.
 */
PGresult *cluster_query(struct cluster_task *task, PGconn *conn, const char *sql, int count, const char *const *values);

/* A statement without result. */
int cluster_execute(struct cluster_task *task, const char *sql, int count, const char *const *values);

/* A statement that may take hours; `tick` is called meanwhile. Cancelled when the task is to end. NULL on failure. */
PGresult *cluster_long_query(struct cluster_task *task, const char *sql, int count, const char *const *values,
                             int (*tick)(void *task, dlg_error **error));

/* The watching session; NULL on failure, with an error. */
PGconn *cluster_watch(struct cluster_task *task);

/* Connects again after the connection was lost. */
int cluster_reconnect(struct cluster_task *task);

/* Sets the task's error and returns the code. */
int cluster_fail(struct cluster_task *task, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Statements that clean up after an error: what they fail with is dropped, the error stays. */
void cluster_attempt(struct cluster_task *task, const char *sql, int count, const char *const *values);

/* Statistics of the tables: shards that were filled, or have arrived, have none yet. What goes wrong is no harm. */
void cluster_analyze(struct cluster_task *task, bool users);

/* The client asks for the map of shards. */
void cluster_refresh(struct cluster_task *task);

/* Names of Citus. */
const char *cluster_mode_name(dlg_transfer_mode mode);
const char *cluster_strategy_name(dlg_rebalance_strategy strategy);

/* Fields of an answer; NULL reads as 0, "". */
int64_t field_number(const PGresult *result, int row, int column);
double field_real(const PGresult *result, int row, int column);
bool field_bool(const PGresult *result, int row, int column);
const char *field_text(const PGresult *result, int row, int column);

#endif
