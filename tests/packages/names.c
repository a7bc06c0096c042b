/* names.c - a program with names that the library also uses inside. Each keeps its own. */
#include <dialogs.h>
#include <string.h>

int error_set(void);
int error_copy(void);
int settings_copy(void);
int clock_next(void);

int error_set(void)
{
    return 1;
}

int error_copy(void)
{
    return 2;
}

int settings_copy(void)
{
    return 3;
}

int clock_next(void)
{
    return 4;
}

int main(void)
{
    dlg_error *error = NULL;
    dlg_settings *settings = dlg_settings_new();
    int code = dlg_settings_set(settings, "timeout_ms", "soon", &error);
    int good = code == DLG_E_ARGUMENT && strstr(dlg_error_message(error), "timeout_ms") &&
               error_set() + error_copy() + settings_copy() + clock_next() == 10;
    dlg_error_free(error);
    dlg_settings_free(settings);
    return good ? 0 : 1;
}
