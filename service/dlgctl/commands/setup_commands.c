/* setup_commands.c - the commands init and settings. */
#include "commands/setup_commands.h"

#include <stdio.h>
#include <string.h>

static int run_init(struct dlgctl *ctl, int argc, char **argv)
{
    if (dlgctl_bare(ctl, argc, argv) != DLGCTL_OK)
        return DLGCTL_USAGE;
    if (dlgctl_open(ctl) != DLGCTL_OK)
        return DLGCTL_FAILED;
    dlg_error *error = NULL;
    int version = 0;
    if (dlg_schema_install(&version, ctl->client, &error) != DLG_OK)
        return dlgctl_fail(ctl, error);
    printf("The tables are there, in version %d.\n", version);
    return DLGCTL_OK;
}

/* A signing key is not for the screen. */
static const char *shown(const char *name, const char *value)
{
    if (strcmp(name, "token_key") == 0 && *value)
        return "(given)";
    return *value ? value : "(empty)";
}

static int run_settings(struct dlgctl *ctl, int argc, char **argv)
{
    if (dlgctl_bare(ctl, argc, argv) != DLGCTL_OK)
        return DLGCTL_USAGE;
    printf("%-20s %-14s %-14s %s\n", "NAME", "VALUE", "DEFAULT", "RANGE: PURPOSE");
    for (size_t i = 0; i < dlg_setting_count(); i++) {
        const dlg_setting *setting = dlg_setting_at(i);
        const char *value = dlg_settings_get(ctl->settings, setting->name);
        printf("%-20s %-14s %-14s %s: %s\n", setting->name, shown(setting->name, value),
               shown(setting->name, setting->default_value), setting->range, setting->purpose);
    }
    return DLGCTL_OK;
}

const struct command setup_commands[] = {
    {"init", "[OPTION]...", "Creates the tables or upgrades them.", "", run_init},
    {"settings", "[OPTION]...", "Lists the settings of the library: values, defaults, ranges, purposes.", "",
     run_settings},
    {0},
};
