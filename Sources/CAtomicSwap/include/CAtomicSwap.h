#ifndef DOVETAIL_ATOMIC_SWAP_H
#define DOVETAIL_ATOMIC_SWAP_H

/// Exchanges what two paths of one file system name, in one step. Returns 0, or an errno; ENOTSUP or EINVAL where the
/// file system can't. Swift sees neither renameat2 nor renamex_np.
int dovetail_swap_files(const char *left, const char *right);

/// 1: some process has the file open to write to it. 0: none has, or the system does not tell: Linux does, of files that the process owns,
/// by whether it would grant a lease for reading. Swift sees no F_SETLEASE.
int dovetail_has_writer(const char *path);

#endif
