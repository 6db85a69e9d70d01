#ifndef DOVETAIL_ATOMIC_SWAP_H
#define DOVETAIL_ATOMIC_SWAP_H

/// Exchanges what two paths of one file system name, in one step. Returns 0, or an errno; ENOTSUP or EINVAL where the
/// file system can't. Swift sees neither renameat2 nor renamex_np.
int dovetail_swap_files(const char *left, const char *right);

#endif
