#include "cli/password_prompt.h"

#include "common/byte_order_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { NO_STOP = -1000 }; /* no character */

void password_wipe(struct password *password)
{
    sodium_memzero(password, sizeof *password);
}

/* Until the end of the line, or `stop`, or as much as there is room for. */
static const char *read_line(int fd, int stop, struct password *password)
{
    size_t length = 0;
    ssize_t count = 0;
    while (length < sizeof password->text - 1 && (count = read(fd, password->text + length, 1)) == 1 &&
           password->text[length] != '\n' && password->text[length] != stop)
        length++;
    if (count < 0 || (count == 1 && password->text[length] == stop))
        return count < 0 ? strerror(errno) : "interrupted";
    if (length > 0 && password->text[length - 1] == '\r')
        length--;
    size_t mark = byte_order_mark(password->text, length);
    length -= mark;
    memmove(password->text, password->text + mark, length);
    password->text[length] = '\0';
    password->length = length;
    return length > 0 ? NULL : "the password is empty";
}

static const char *ask_once(int terminal, const char *prompt, struct password *password)
{
    struct termios shown;
    if (tcgetattr(terminal, &shown) != 0)
        return strerror(errno);
    struct termios hidden = shown;
    /* Ctrl-C is a character that ends the line, so that the terminal is never left without its echo. */
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    hidden.c_lflag |= ICANON | ECHONL;
    hidden.c_cc[VEOL] = shown.c_cc[VINTR];
    tcsetattr(terminal, TCSAFLUSH, &hidden);
    bool asked = write(terminal, prompt, strlen(prompt)) >= 0;
    const char *problem = asked ? read_line(terminal, shown.c_cc[VINTR], password) : strerror(errno);
    tcsetattr(terminal, TCSAFLUSH, &shown);
    return problem;
}

static const char *prompt(int terminal, struct password *password, bool fresh)
{
    const char *problem = ask_once(terminal, fresh ? "New password: " : "Password: ", password);
    if (problem || !fresh)
        return problem;
    struct password again = {.length = 0};
    problem = ask_once(terminal, "Once more: ", &again);
    if (!problem && (again.length != password->length || sodium_memcmp(again.text, password->text, again.length) != 0))
        problem = "the two passwords differ";
    password_wipe(&again);
    return problem;
}

const char *password_ask(struct password *password, bool fresh)
{
    int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return "there is no terminal to ask on; give --password-file";
    const char *problem = prompt(terminal, password, fresh);
    close(terminal);
    return problem;
}

const char *password_read(struct password *password, const char *file, bool fresh)
{
    if (!file && isatty(STDIN_FILENO))
        return password_ask(password, fresh);
    if (!file || strcmp(file, "-") == 0)
        return read_line(STDIN_FILENO, NO_STOP, password);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    const char *problem = read_line(fd, NO_STOP, password);
    close(fd);
    return problem;
}
