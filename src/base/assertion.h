/*
 * assertion.h - what must hold. In builds for development (DIALOGS_ASSERTIONS) a condition that does not hold ends the
 * process at that line; elsewhere it is not evaluated. It prints nothing: a debugger or a core file shows the line.
 */
#ifndef DIALOGS_ASSERTION_H
#define DIALOGS_ASSERTION_H

#ifdef DIALOGS_ASSERTIONS
#define DLG_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define DLG_ASSERT(condition) ((void)sizeof(condition))
#endif

#endif
