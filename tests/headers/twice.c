/* The header alone, and a second time. */
#include <dialogs.h>
#include <dialogs.h>
