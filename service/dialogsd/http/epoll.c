/*
 * libmicrohttpd's way to epoll. While it stops to accept (MHD_quiesce_daemon()), the caller's thread and each of its
 * own take the listening socket out of an epoll, whoever comes first; whoever comes second ends the process if it is
 * not there, or closed (1.0.1 still does). For a program whose own epoll_ctl() is found before the C library's, to
 * take out what is not there is to have done it.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    long result = syscall(SYS_epoll_ctl, epoll, what, fd, event);
    if (result < 0 && what == EPOLL_CTL_DEL && (errno == ENOENT || errno == EBADF))
        return 0;
    return (int)result;
}
