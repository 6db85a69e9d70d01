#define _GNU_SOURCE
#include "CAtomicSwap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int dovetail_swap_files(const char *left, const char *right) {
#if defined(__linux__) && defined(RENAME_EXCHANGE)
    return renameat2(AT_FDCWD, left, AT_FDCWD, right, RENAME_EXCHANGE) == 0 ? 0 : errno;
#elif defined(__APPLE__)
    return renamex_np(left, right, RENAME_SWAP) == 0 ? 0 : errno;
#else
    return ENOTSUP;
#endif
}

int dovetail_has_writer(const char *path) {
#if defined(__linux__) && defined(F_SETLEASE)
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (file < 0) {
        return 0;
    }
    // Who opens the file while the lease is held makes the system tell us, by a signal that is ignored unless asked for.
    fcntl(file, F_SETSIG, SIGURG);
    int granted = fcntl(file, F_SETLEASE, F_RDLCK) == 0;
    int has_writer = !granted && errno == EAGAIN;
    if (granted) {
        fcntl(file, F_SETLEASE, F_UNLCK);
    }
    close(file);
    return has_writer;
#else
    (void)path;
    return 0;
#endif
}
