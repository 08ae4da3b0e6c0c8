"""Child processes that do not outlive the process that started them."""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1

# Loaded here because little is safe between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parent: int, signal_number: int) -> None:
    """Have Linux send this process a signal when `parent` ends, even by SIGKILL.

    Call in a `preexec_fn`, from the main thread: the kernel watches the thread that forked.
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(signal_number))
    if os.getppid() != parent:  # it was quicker than us
        os._exit(1)
