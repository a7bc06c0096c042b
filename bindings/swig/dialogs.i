/*
 * dialogs.i - a base for bindings of other languages: what dialogs.h does not tell SWIG. A binding includes it and adds
 * what its language likes. The Python package has an interface of its own.
 *
 *   swig -lua -I/usr/include -I/usr/share/libdialogs/swig dialogs.i
 *
 *   Out parameters   page = new_page_out(); dlg_list(page, ...); page_out_value(page); delete_page_out(page)
 *   Structs          dlg_send_options() makes one with its version and its defaults, and the language frees it
 *   Users            dlg_uuid("387ac1c1-6581-4ace-a113-707c8585fe28"), dlg_uuid_text(uuid)
 *   Texts            are one argument; a length is not given (but in C#, Lua and R)
 *   Callbacks        are given as none: replies come through dlg_reply_fd() and dlg_reply_poll()
 */
%module dialogs

%{
#include <dialogs.h>
#include <stdlib.h>
#include <string.h>
%}

%include <stdint.i>
%include <cpointer.i>
#pragma SWIG nowarn=451 /* a text that a program sets must live as long as the struct */

/* ---- Out parameters ---- */

%pointer_functions(dlg_client *, client_out)
%pointer_functions(dlg_error *, error_out)
%pointer_functions(dlg_page *, page_out)
%pointer_functions(dlg_iterator *, iterator_out)
%pointer_functions(const dlg_message *, message_out)
%pointer_functions(dlg_users *, users_out)
%pointer_functions(dlg_loader *, loader_out)
%pointer_functions(dlg_cluster *, cluster_out)
%pointer_functions(char *, text_out)
%pointer_functions(int64_t, int64_out)
%pointer_functions(int, int_out)

/* ---- Texts ---- */

#if !defined(SWIGCSHARP) && !defined(SWIGR) && !defined(SWIGLUA) /* SWIG has no such rule there: give DLG_NTS as the length */
%apply (char *STRING, size_t LENGTH) {
    (const char *text, size_t length), (const char *password, size_t length), (const char *token, size_t length)
};
#endif

/* ---- Structs that a program fills ---- */

%define VERSIONED(name, newest)
%extend name {
    name()
    {
        name *made = malloc(sizeof *made);
        if (made)
            name##_init(made, newest);
        return made;
    }
    ~name() { free($self); }
}
%ignore name##_init;
%enddef

VERSIONED(dlg_progress, DLG_PROGRESS_VERSION)
VERSIONED(dlg_stats, DLG_STATS_VERSION)
VERSIONED(dlg_distribute_options, DLG_DISTRIBUTE_OPTIONS_VERSION)
VERSIONED(dlg_node_options, DLG_NODE_OPTIONS_VERSION)
VERSIONED(dlg_rebalance_options, DLG_REBALANCE_OPTIONS_VERSION)
VERSIONED(dlg_isolate_options, DLG_ISOLATE_OPTIONS_VERSION)
VERSIONED(dlg_message_input, DLG_MESSAGE_INPUT_VERSION)
VERSIONED(dlg_send_options, DLG_SEND_OPTIONS_VERSION)
VERSIONED(dlg_receipt, DLG_RECEIPT_VERSION)
VERSIONED(dlg_list_options, DLG_LIST_OPTIONS_VERSION)
VERSIONED(dlg_user, DLG_USER_VERSION)

/* ---- Users ---- */

/* One that is none is nil: every call refuses it. */
%extend dlg_uuid {
    dlg_uuid(const char *text)
    {
        dlg_uuid *made = calloc(1, sizeof *made);
        if (made)
            dlg_uuid_parse(made, text, DLG_NTS);
        return made;
    }
    ~dlg_uuid() { free($self); }
}
%ignore dlg_uuid_parse;
%ignore dlg_uuid_format;
%newobject dlg_uuid_text;

%include <dialogs.h>

%inline %{
char *dlg_uuid_text(const dlg_uuid *uuid)
{
    char text[DLG_UUID_TEXT_SIZE];
    dlg_uuid_format(text, uuid);
    return strdup(text);
}
%}
