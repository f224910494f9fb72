"""Memory that was freed and not given back."""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8
"""What glibc's ``mallopt`` calls the number of places (``malloc.h``)."""


def give_back() -> None:
    """Return freed memory to the system where the allocator (glibc) would keep it, per thread, for later.

    A window's columns come and go by the megabyte on several threads; what each keeps adds up to more than
    all that is in use. Elsewhere nothing is done.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def share() -> None:
    """Let all threads free and take memory in one place (glibc), before any of them is started.

    A thread's own place keeps what the thread freed from the others; counting takes few and large pieces, so
    that nobody waits.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
