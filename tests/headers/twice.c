/* The header, alone. */
#include <dialogs.h>
/* And a second time. */
#include <dialogs.h>
