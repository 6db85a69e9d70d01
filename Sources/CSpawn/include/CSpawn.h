#ifndef DOVETAIL_SPAWN_H
#define DOVETAIL_SPAWN_H

#include <sys/types.h>

/// Both ends of a new pipe, which no child inherits; the errno of the failure, 0 when it worked.
int dovetail_pipe(int ends[2]);

/// Starts a program in a folder and a process group of its own, with three descriptors as its stdin, stdout and stderr, and
/// with signals as for any program; the errno of the failure, 0 when it worked.
int dovetail_spawn(
    pid_t *process, const char *path, char *const arguments[], const char *directory, const int streams[3]);

/// Takes stdin and stdout for oneself: what else reads stdin finds it at its end, and what is printed goes to stderr, line by
/// line. The errno of the failure, 0 when it worked.
int dovetail_take_streams(int *input, int *output);

#endif
