/* cluster_show.h - how a cluster is, and what is moved, for people and for programs. */
#ifndef DLGCTL_CLUSTER_SHOW_H
#define DLGCTL_CLUSTER_SHOW_H

#include <dialogs.h>
#include <stdbool.h>

/* On standard output. */
void cluster_show(const dlg_cluster *cluster);

/* One JSON line. DLGCTL_OK or DLGCTL_FAILED. */
int cluster_show_json(const dlg_cluster *cluster);

/* The moves of a rebalance, one a line. */
void cluster_show_moves(const dlg_rebalance *rebalance);

/* "12.3 MB"; valid until the fourth call after it. */
const char *cluster_size(uint64_t bytes);

#endif
