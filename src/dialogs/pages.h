/* pages.h - listing: dlg_list() and its pages. */
#ifndef DIALOGS_PAGES_H
#define DIALOGS_PAGES_H

#include "client/client.h"
#include "dialogs/page.h"

/* Checks the arguments and makes the request of one page. */
int list_new(dlg_client *client, const dlg_uuid *user, const dlg_uuid *peer, const dlg_list_options *options,
             struct request **request, dlg_error **error);

/* Takes the page out of a request that succeeded. */
dlg_page *list_take(struct request *request);

#endif
