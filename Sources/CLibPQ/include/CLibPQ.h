// libpq, looked for when a database is first asked for: a sync of two files neither needs it nor pays for its
// twenty libraries (5 MB and 5 ms).
#ifndef CLIBPQ_H
#define CLIBPQ_H

// Without pkg-config, which would link libpq.
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#elif __has_include(<postgresql/libpq-fe.h>)
#include <postgresql/libpq-fe.h>
#elif __has_include("/opt/homebrew/opt/libpq/include/libpq-fe.h")
#include "/opt/homebrew/opt/libpq/include/libpq-fe.h"
#elif __has_include("/usr/local/opt/libpq/include/libpq-fe.h")
#include "/usr/local/opt/libpq/include/libpq-fe.h"
#else
#error "libpq's headers are missing; install them: script/setup"
#endif
#include <stdbool.h>

/// Loads libpq, once. Must have returned true before any other function of libpq is called. Any thread may call it.
bool libpq_load(void);

#endif
