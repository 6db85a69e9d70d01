// libpq, looked for when a database is first asked for: a sync of two files neither needs it nor pays for its
// twenty libraries (5 MB and 5 ms).
#ifndef CLIBPQ_H
#define CLIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>

/// Loads libpq, once. Must have returned true before any other function of libpq is called. Any thread may call it.
bool libpq_load(void);

#endif
