/* hello.c - the five calls: open, auth, send, list, close. In the public domain. */
#include <dialogs.h>
#include <stdio.h>
#include <stdlib.h>

static dlg_error *error;

/* Ends the program with the library's message when a call failed. */
static void must(int code)
{
    if (code == DLG_OK)
        return;
    fprintf(stderr, "hello: %s\n", dlg_error_message(error));
    exit(1);
}

/* Creates the user with this id and the password "string", unless there is one. */
static dlg_uuid user(dlg_client *client, const char *text, const char *name)
{
    dlg_user user = DLG_USER_INIT;
    dlg_uuid id;
    must(dlg_uuid_parse(&user.id, text, DLG_NTS));
    user.first_name = name;
    if (dlg_user_create(&id, client, &user, "string", DLG_NTS, &error) != DLG_E_EXISTS)
        must(dlg_error_code(error));
    dlg_error_free(error);
    error = NULL;
    return user.id;
}

int main(int argc, char **argv)
{
    dlg_client *client;
    char *token;
    dlg_page *page;

    must(dlg_open(&client, argc > 1 ? argv[1] : "embedded:./data", NULL, &error));
    dlg_uuid anna = user(client, "387ac1c1-6581-4ace-a113-707c8585fe28", "Anna");
    dlg_uuid boris = user(client, "aa45b640-d501-4101-83f2-de96b672129f", "Boris");

    must(dlg_auth(&token, client, &anna, "string", DLG_NTS, &error));
    printf("Anna's token: %s\n", token);

    must(dlg_send(NULL, client, &anna, &boris, "Hello, Boris", DLG_NTS, NULL, &error));

    must(dlg_list(&page, client, &anna, &boris, NULL, &error));
    for (size_t i = 0; i < dlg_page_count(page); i++)
        printf("%s\n", dlg_page_at(page, i)->text);

    dlg_page_free(page);
    dlg_free(token);
    return dlg_close(NULL, client, 0);
}
