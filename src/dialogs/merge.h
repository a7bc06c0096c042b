/* merge.h - two sorted directions of a dialog become one page. */
#ifndef DIALOGS_MERGE_H
#define DIALOGS_MERGE_H

#include "dialogs/list.h"

/* The page of the answers. NULL: an answer does not fit, which `misfit` says, or out of memory. */
dlg_page *list_merge(struct list *list);

#endif
