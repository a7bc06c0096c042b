/*
 * dialog_stream.h - a whole dialog as one answer, page after page, in memory that does not grow with it.
 *
 * While a page is being sent the next one is fetched. When that is not there in time, the
 * connection is suspended until it is. The library's callback may come after the client has gone:
 * whoever is the last to leave, it or the answer, frees the stream.
 */
#ifndef DIALOGSD_DIALOG_STREAM_H
#define DIALOGSD_DIALOG_STREAM_H

#include "http/request_ctx.h"

/* What to ask for at first: the oldest page, long enough for most dialogs. */
void stream_first_page(dlg_list_options *options);

/* Whether the answer is too long to be written at once, or has pages behind this one. */
bool stream_is_due(const struct request_ctx *ctx, const dlg_page *page);

/*
 * The page that the library answered, which is the stream's from now on, and of a whole dialog all that follows. NULL
 * when there is no memory for it.
 */
struct MHD_Response *stream_response(struct request_ctx *ctx);

#endif
