"""Import slow vendors while rows are read: one keeps the interpreter busy, the other the decoder."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import Thread

CHECK = ("great_expectations", "fairlearn.metrics")
"""What judges a window: two seconds of imports."""
SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter while another waits: counting asks for it often, and briefly."""


@contextmanager
def imported_meanwhile(*names: str) -> Iterator[None]:
    """Import modules in a thread; they are there when the block ends.

    A module that cannot be imported says so where it is used. Nothing is collected meanwhile: what an import
    makes is there to stay, and searching it for garbage takes a quarter of the time.
    """
    import pandas as pd  # noqa: F401 - both sides need it: here first, so that none sees it half made

    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    interval, collecting = sys.getswitchinterval(), gc.isenabled()
    loading = Thread(target=_import, args=names, name="imports")
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)
    loading.start()
    try:
        yield
    finally:
        loading.join()
        sys.setswitchinterval(interval)
        if collecting:
            gc.enable()


def _import(*names: str) -> None:
    for name in names:
        try:
            import_module(name)
        except Exception:  # noqa: BLE001 - whoever uses it imports it again and says what is wrong
            return
