/* processes.h - looks at the processes of this machine through /proc. */
#ifndef TEST_PROCESSES_H
#define TEST_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Calls `visit` for each process whose parent is `parent`; returns how many there are. */
int processes_children(pid_t parent, void (*visit)(pid_t pid, void *payload), void *payload);

/* The state letter of proc(5): 'R', 'S', 'T' (stopped), 'Z' (ended, not waited for)...; 0: there is no such process. */
char process_state(pid_t pid);

/* False when there is no such process. */
bool process_name(pid_t pid, char *name, size_t size);

#endif
