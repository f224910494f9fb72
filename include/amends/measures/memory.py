"""Memory that was freed and not given back."""

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Return freed memory to the system where the allocator (glibc) would keep it, per thread, for later.

    A window's columns come and go by the megabyte on several threads; what each keeps adds up to more than
    all that is in use. Elsewhere nothing is done.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
