"""Import slow vendors while rows are read: one keeps the interpreter busy, the other the decoder."""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.domain.spec import ModelSpec

CHECK = ("great_expectations", "fairlearn.metrics")
"""What judges a window: two seconds of imports."""
SPARED = frozenset({"altair"})
"""What they import for charts that nobody here draws: it is loaded when it is first used."""
SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter while another waits: counting asks for it often, and briefly."""


@contextmanager
def imported_meanwhile(*names: str, afterwards: bool = False) -> Iterator[None]:
    """Import modules in a thread; they are there when the block ends.

    :param afterwards: import them when the block is done, so that the memory of both is not needed at once.

    A module that cannot be imported says so where it is used. Nothing is collected meanwhile: what an import
    makes is there to stay, and searching it for garbage takes a quarter of the time.
    """
    import pandas as pd  # noqa: F401 - both sides need it: here first, so that none sees it half made

    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    interval, collecting = sys.getswitchinterval(), gc.isenabled()
    loading = Thread(target=_import, args=names, name="imports")
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)
    sys.meta_path.insert(0, _Spared)
    if not afterwards:
        loading.start()
    try:
        yield
        if afterwards:
            loading.start()
    finally:
        if loading.ident:
            loading.join()
        sys.meta_path.remove(_Spared)
        sys.setswitchinterval(interval)
        if collecting:
            gc.enable()


def rules_for(model: "ModelSpec", path: str | Path | None = None) -> "Policy":
    """Read the policy for a model, with what its spec overrides.

    :param path: the policy's file; without one the packaged one.
    """
    from amends.adapters.files import load_policy

    own = os.environ.get("AMENDS_PLAYBOOKS")
    return load_policy(path, own).overridden(model.policy, f"model {model.name!r}")


def _import(*names: str) -> None:
    for name in names:
        try:
            import_module(name)
        except Exception:  # noqa: BLE001 - whoever uses it imports it again and says what is wrong
            return


class _Spared:
    """Finds the modules of SPARED, and puts off what is in them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Find a module as Python does; None for all that are not spared."""
        del target
        found = PathFinder.find_spec(name, path) if name in SPARED else None
        if found and found.loader:
            found.loader = LazyLoader(found.loader)
        return found
