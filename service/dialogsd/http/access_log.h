/* access.h - the line of the access log that tells of a request. Never tokens, passwords or texts. */
#ifndef DIALOGSD_ACCESS_H
#define DIALOGSD_ACCESS_H

struct exchange;

void access_log(struct exchange *exchange);

#endif
