/*
 * turn.h - whose turn it is to move the engine. It is the I/O thread's. While that thread sleeps and nothing is under
 * way, the caller of a blocking call takes the turn: it sends and waits for the answer itself. That saves waking two
 * threads, which takes as long as a small commit where processors sleep.
 */
#ifndef DIALOGS_TURN_H
#define DIALOGS_TURN_H

#include "engine/engine.h"

#include <sys/epoll.h>

/* ---- For the I/O thread ---- */

/* Takes the turn when the thread begins, and gives it up when it ends. */
void turn_claim(struct engine *engine);
void turn_release(struct engine *engine);

/* Waits for events, and until the next timer. A caller may have the turn meanwhile, when nothing is under way. */
int turn_wait(struct engine *engine, struct epoll_event *events, int most);

/* Takes a request over: runs its first step. With the turn. */
void turn_start(struct engine *engine, struct request *request);

/* Wakes whoever has the turn when the request's time is over. With the turn. */
void deadline_note(struct engine *engine, const struct request *request);

/* ---- For callers ---- */

/* With engine->lock held: takes the turn for the only request that there is. False: the I/O thread serves it. */
bool turn_take(struct engine *engine);

/* Moves the request, until it is done, somebody else comes, or the server takes its time. Gives the turn up. */
void turn_use(struct engine *engine, struct request *request);

#endif
