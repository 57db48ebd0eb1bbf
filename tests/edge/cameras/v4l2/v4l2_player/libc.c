/* The calls of libc that a program reaches a camera with, and the paths that it finds one by (LD_PRELOAD). */
#define _GNU_SOURCE
#include "player.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { VIDEO_MAJOR = 81 };

/* Recursive: what plays the camera closes files of its own. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

/* The next definition of the function that we stand in for. */
#define NEXT(name)                                                                                                     \
    static __typeof__(&name) next;                                                                                     \
    if (!next)                                                                                                         \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* ---- Paths ---- */

typedef struct {
    char text[PATH_MAX];
} Path;

static bool starts(const char *path, const char *prefix)
{
    return !strncmp(path, prefix, strlen(prefix));
}

static const char *led(const char *path, Path *space)
{
    const char *root = getenv("V4L2_PLAYER_ROOT");
    if (!root || !path || !(starts(path, "/dev/video") || starts(path, "/dev/v4l") || starts(path, "/sys/class/video4linux")))
        return path;
    snprintf(space->text, sizeof space->text, "%s%s", root, path);
    return space->text;
}

/* The N of /dev/videoN, or -1. */
static int number_of(const char *path)
{
    int number, end = 0;
    return path && sscanf(path, "/dev/video%d%n", &number, &end) == 1 && !path[end] && getenv("V4L2_PLAYER_ROOT") ? number : -1;
}

static int opened(const char *path, int flags)
{
    Path space;
    pthread_mutex_lock(&lock);
    const int descriptor = player_open(led(path, &space), number_of(path), flags);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        NEXT(name);                                                                                                    \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        const mode_t mode = mode_of(flags, arguments);                                                                 \
        va_end(arguments);                                                                                             \
        Path space;                                                                                                    \
        return number_of(path) >= 0 ? opened(path, flags) : next(led(path, &space), flags, mode);                      \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...)                                                          \
    {                                                                                                                  \
        NEXT(name);                                                                                                    \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        const mode_t mode = mode_of(flags, arguments);                                                                 \
        va_end(arguments);                                                                                             \
        Path space;                                                                                                    \
        return number_of(path) >= 0 ? opened(path, flags) : next(directory, led(path, &space), flags, mode);           \
    }
OPENAT(openat)
OPENAT(openat64)

#define STAT(name, type)                                                                                               \
    int name(const char *path, type *status)                                                                           \
    {                                                                                                                  \
        NEXT(name);                                                                                                    \
        Path space;                                                                                                    \
        const int result = next(led(path, &space), status);                                                            \
        if (result == 0 && number_of(path) >= 0) {                                                                     \
            status->st_mode = S_IFCHR | 0660;                                                                          \
            status->st_rdev = makedev(VIDEO_MAJOR, (unsigned)number_of(path));                                         \
        }                                                                                                              \
        return result;                                                                                                 \
    }
STAT(stat, struct stat)
STAT(lstat, struct stat)
STAT(stat64, struct stat64)
STAT(lstat64, struct stat64)

#define STATAT(name, type)                                                                                             \
    int name(int directory, const char *path, type *status, int flags)                                                 \
    {                                                                                                                  \
        NEXT(name);                                                                                                    \
        Path space;                                                                                                    \
        const int result = next(directory, led(path, &space), status, flags);                                          \
        if (result == 0 && number_of(path) >= 0) {                                                                     \
            status->st_mode = S_IFCHR | 0660;                                                                          \
            status->st_rdev = makedev(VIDEO_MAJOR, (unsigned)number_of(path));                                         \
        }                                                                                                              \
        return result;                                                                                                 \
    }
STATAT(fstatat, struct stat)
STATAT(fstatat64, struct stat64)

int access(const char *path, int mode)
{
    NEXT(access);
    Path space;
    return next(led(path, &space), mode);
}

ssize_t readlink(const char *path, char *target, size_t size)
{
    NEXT(readlink);
    Path space;
    return next(led(path, &space), target, size);
}

DIR *opendir(const char *path)
{
    NEXT(opendir);
    Path space;
    return next(led(path, &space));
}

/* ---- Descriptors ---- */

int ioctl(int descriptor, unsigned long request, ...)
{
    NEXT(ioctl);
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    pthread_mutex_lock(&lock);
    const bool ours = player_owns(descriptor);
    const int result = ours ? player_ioctl(descriptor, request, argument) : 0;
    pthread_mutex_unlock(&lock);
    return ours ? result : next(descriptor, request, argument);
}

int close(int descriptor)
{
    NEXT(close);
    pthread_mutex_lock(&lock);
    if (player_owns(descriptor))
        player_close(descriptor);
    pthread_mutex_unlock(&lock);
    return next(descriptor);
}

/* How many played cameras are ready; next_s: the soonest time to look again. */
static int look(struct pollfd *fds, nfds_t count, bool *any, double *next_s)
{
    int ready = 0;
    pthread_mutex_lock(&lock);
    for (nfds_t i = 0; i < count; i++) {
        double soon_s;
        if (!player_owns(fds[i].fd))
            continue;
        *any = true;
        fds[i].revents = player_ready(fds[i].fd, fds[i].events, &soon_s);
        ready += fds[i].revents != 0;
        if (soon_s < *next_s)
            *next_s = soon_s;
    }
    pthread_mutex_unlock(&lock);
    return ready;
}

/* The others, for at most so long; what look() found stays. */
static int wait_for_others(const struct pollfd *fds, nfds_t count, double seconds, struct pollfd *found)
{
    for (nfds_t i = 0; i < count; i++) {
        found[i] = fds[i];
        if (player_owns(fds[i].fd))
            found[i].fd = -1;
    }
    const struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    return ppoll(found, count, &time, NULL);
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    NEXT(poll);
    const double end_s = timeout_ms < 0 ? 1e300 : now_s() + 1e-3 * timeout_ms;
    for (;;) {
        bool any = false;
        double next_s = 3600;
        const int ready = look(fds, count, &any, &next_s);
        if (!any || count > 1024)
            return next(fds, count, timeout_ms);
        const double left_s = end_s - now_s();
        struct pollfd found[count];
        const double wait_s = ready || left_s <= 0 ? 0 : left_s < next_s ? left_s : next_s;
        const int others = wait_for_others(fds, count, wait_s, found);
        if (others < 0)
            return -1;
        for (nfds_t i = 0; i < count; i++)
            if (found[i].fd >= 0)
                fds[i].revents = found[i].revents;
        if (ready + others || left_s <= 0)
            return ready + others;
    }
}

int select(int count, fd_set *readable, fd_set *writable, fd_set *special, struct timeval *timeout)
{
    NEXT(select);
    struct pollfd fds[FD_SETSIZE];
    nfds_t asked = 0;
    bool any = false;
    for (int fd = 0; fd < count; fd++)
        if (readable && FD_ISSET(fd, readable)) {
            fds[asked++] = (struct pollfd){.fd = fd, .events = POLLIN};
            any |= player_owns(fd);
        }
    if (!any)
        return next(count, readable, writable, special, timeout);
    const int ready = poll(fds, asked, timeout ? (int)(timeout->tv_sec * 1000 + timeout->tv_usec / 1000) : -1);
    for (nfds_t i = 0; i < asked && ready >= 0; i++)
        if (!fds[i].revents)
            FD_CLR(fds[i].fd, readable);
    return ready;
}
