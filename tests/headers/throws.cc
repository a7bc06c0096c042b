/* A program in C++ whose progress function throws: throws DIRECTORY. The work ends, and the client can be closed. */
#include <dialogs.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <unistd.h>

static int give_up(const dlg_progress *, void *)
{
    throw std::runtime_error("enough");
}

static bool is_thrown_by_dump(dlg_client *client, int fd)
{
    try {
        dlg_dump(client, fd, give_up, nullptr, nullptr);
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

int main(int, char **arguments)
{
    dlg_client *client = nullptr;
    dlg_error *error = nullptr;
    if (dlg_open(&client, ("embedded:" + std::string(arguments[1])).c_str(), nullptr, &error) != DLG_OK) {
        std::fprintf(stderr, "%s\n", dlg_error_message(error));
        return 1;
    }
    alarm(60); /* a client that waits for the dump waits for ever */
    int ends[2];
    if (pipe(ends) != 0 || !is_thrown_by_dump(client, ends[1]) || !is_thrown_by_dump(client, ends[1]))
        return 1;
    return dlg_close(nullptr, client, 0) == DLG_OK ? 0 : 1;
}
