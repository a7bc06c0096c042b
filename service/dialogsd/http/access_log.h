/* access_log.h - the line of the access log that tells of a request. Never tokens, passwords or texts. */
#ifndef DIALOGSD_ACCESS_LOG_H
#define DIALOGSD_ACCESS_LOG_H

struct request_ctx;

void access_log(struct request_ctx *ctx);

#endif
