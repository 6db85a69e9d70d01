#include "CLibPQ.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __APPLE__
static const char *const places[] = {
    "libpq.5.dylib", "/opt/homebrew/opt/libpq/lib/libpq.5.dylib", "/usr/local/opt/libpq/lib/libpq.5.dylib"};
#else
static const char *const places[] = {"libpq.so.5"};
#endif

// Every function of libpq that is used here: result, name, parameters, arguments.
#define FUNCTIONS(F)                                                                                           \
    F(int, PQbackendPID, (const PGconn *c), (c))                                                               \
    F(int, PQcancel, (PGcancel * c, char *text, int size), (c, text, size))                                    \
    F(void, PQclear, (PGresult * r), (r))                                                                      \
    F(char *, PQcmdStatus, (PGresult * r), (r))                                                                \
    F(char *, PQcmdTuples, (PGresult * r), (r))                                                                \
    F(PostgresPollingStatusType, PQconnectPoll, (PGconn * c), (c))                                             \
    F(PGconn *, PQconnectStartParams, (const char *const *keys, const char *const *values, int expand),        \
      (keys, values, expand))                                                                                  \
    F(PGconn *, PQconnectdb, (const char *text), (text))                                                       \
    F(PQconninfoOption *, PQconninfo, (PGconn * c), (c))                                                       \
    F(void, PQconninfoFree, (PQconninfoOption * options), (options))                                           \
    F(PQconninfoOption *, PQconninfoParse, (const char *text, char **words), (text, words))                    \
    F(int, PQconsumeInput, (PGconn * c), (c))                                                                  \
    F(char *, PQerrorMessage, (const PGconn *c), (c))                                                          \
    F(PGresult *, PQexec, (PGconn * c, const char *sql), (c, sql))                                             \
    F(PGresult *, PQexecParams,                                                                                \
      (PGconn * c, const char *sql, int count, const Oid *types, const char *const *values,                    \
       const int *lengths, const int *formats, int format),                                                    \
      (c, sql, count, types, values, lengths, formats, format))                                                \
    F(void, PQfinish, (PGconn * c), (c))                                                                       \
    F(char *, PQfname, (const PGresult *r, int field), (r, field))                                             \
    F(void, PQfreeCancel, (PGcancel * c), (c))                                                                 \
    F(void, PQfreemem, (void *memory), (memory))                                                               \
    F(Oid, PQftype, (const PGresult *r, int field), (r, field))                                                \
    F(PGcancel *, PQgetCancel, (PGconn * c), (c))                                                              \
    F(int, PQgetCopyData, (PGconn * c, char **row, int later), (c, row, later))                                \
    F(PGresult *, PQgetResult, (PGconn * c), (c))                                                              \
    F(int, PQgetisnull, (const PGresult *r, int row, int field), (r, row, field))                              \
    F(int, PQgetlength, (const PGresult *r, int row, int field), (r, row, field))                              \
    F(char *, PQgetvalue, (const PGresult *r, int row, int field), (r, row, field))                            \
    F(char *, PQhost, (const PGconn *c), (c))                                                                  \
    F(char *, PQhostaddr, (const PGconn *c), (c))                                                              \
    F(int, PQnfields, (const PGresult *r), (r))                                                                \
    F(PGnotify *, PQnotifies, (PGconn * c), (c))                                                               \
    F(int, PQntuples, (const PGresult *r), (r))                                                                \
    F(char *, PQport, (const PGconn *c), (c))                                                                  \
    F(int, PQputCopyData, (PGconn * c, const char *bytes, int count), (c, bytes, count))                       \
    F(int, PQputCopyEnd, (PGconn * c, const char *words), (c, words))                                          \
    F(char *, PQresultErrorField, (const PGresult *r, int field), (r, field))                                  \
    F(char *, PQresultErrorMessage, (const PGresult *r), (r))                                                  \
    F(ExecStatusType, PQresultStatus, (const PGresult *r), (r))                                                \
    F(int, PQserverVersion, (const PGconn *c), (c))                                                            \
    F(PGVerbosity, PQsetErrorVerbosity, (PGconn * c, PGVerbosity verbosity), (c, verbosity))                   \
    F(PQnoticeProcessor, PQsetNoticeProcessor, (PGconn * c, PQnoticeProcessor processor, void *context),         \
      (c, processor, context))                                                                                 \
    F(PQnoticeReceiver, PQsetNoticeReceiver, (PGconn * c, PQnoticeReceiver receiver, void *context),           \
      (c, receiver, context))                                                                                  \
    F(int, PQsocket, (const PGconn *c), (c))                                                                   \
    F(ConnStatusType, PQstatus, (const PGconn *c), (c))                                                        \
    F(PGTransactionStatusType, PQtransactionStatus, (const PGconn *c), (c))

#define POINTER(result, name, parameters, arguments) static result(*found_##name) parameters;
FUNCTIONS(POINTER)

static bool is_loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *library = NULL;
    for (size_t index = 0; library == NULL && index < sizeof places / sizeof *places; index++)
        library = dlopen(places[index], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    is_loaded = true;
#define FIND(result, name, parameters, arguments) \
    if ((*(void **)&found_##name = dlsym(library, #name)) == NULL) is_loaded = false;
    FUNCTIONS(FIND)
}

bool libpq_load(void) {
    pthread_once(&once, load);
    return is_loaded;
}

#define FORWARD(result, name, parameters, arguments) \
    result name parameters { return found_##name arguments; }
FUNCTIONS(FORWARD)
