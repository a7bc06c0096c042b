/* configuration.c - writes docs/configuration.md from the library's own table of settings. */
#include <dialogs.h>
#include <stdio.h>

static const char introduction[] =
    "# Settings\n"
    "\n"
    "<!-- Made from the table in src/base/settings.c by the target `docs`. -->\n"
    "\n"
    "A client takes these settings when it is opened. A C program makes them with `dlg_settings_new()` and sets them\n"
    "with `dlg_settings_set(settings, name, value, &error)`. It gives them to `dlg_open()`. `dialogsd` and `dlgctl`\n"
    "take `--set NAME=VALUE`. `dialogsd` also reads `DIALOGSD_NAME` from the environment. Unless told otherwise it\n"
    "opens with `open=lazy` and `feed=on`.\n"
    "\n"
    "Times end in `_ms` (milliseconds) or `_s` (seconds). `dlg_setting_at()` gives the same table to a program.\n"
    "\n"
    "| name | default | values | what it is |\n"
    "|---|---|---|---|\n";

/* A cell of a table: a bar in it would end it. */
static void put_cell(const char *text)
{
    fputs(" ", stdout);
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
    fputs(" |", stdout);
}

int main(void)
{
    fputs(introduction, stdout);
    for (size_t i = 0; i < dlg_setting_count(); i++) {
        const dlg_setting *setting = dlg_setting_at(i);
        printf("| `%s` |", setting->name);
        put_cell(*setting->default_value ? setting->default_value : "(empty)");
        put_cell(setting->range);
        put_cell(setting->purpose);
        putchar('\n');
    }
    return 0;
}
