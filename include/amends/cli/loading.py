"""Vendors in a process of their own: they are imported while rows are read here, and asked later.

Both would keep one interpreter busy: counting asks for it thousands of times, and each time waits for the
import to let go of it. In two processes they take the time of the longer one.
"""

import gc
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from threading import Lock, active_count
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

from amends.adapters.expectations import unasked
from amends.cli.memory import give_back
from amends.cli.sparing import by_name, lacking, put_off, roomy, unsearched, without
from amends.errors import Unavailable
from amends.ports import Ask, at_once, here

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from amends.domain.policy import Policy
    from amends.domain.spec import ModelSpec

CHECK = ("great_expectations", "fairlearn.metrics")
"""What judges a window: two seconds of imports."""
PAGE = ("evidently.presets", "evidently.legacy.renderers.html_widgets")
"""What draws the page: three seconds of imports."""
SPARABLE = ("sqlalchemy", "google", "psutil", "psycopg2", "rich")
"""What they import where it is there: for sources and clouds that nobody here asks about, and for show."""
SHARED = "pyarrow.compute"
"""What both sides need: loaded before they part, and so once."""
UNUSED = (
    "great_expectations.core.http", "marshmallow.validate", "requests", "scipy.integrate",
    "scipy.interpolate", "scipy.linalg", "scipy.ndimage", "scipy.optimize", "scipy.sparse.csgraph",
    "scipy.sparse.linalg", "scipy.spatial", "scipy.special", "scipy.stats", "sklearn.metrics", "urllib3",
)  # fmt: skip
"""What they take functions of by name, and call none of; Great Expectations' own say themselves which."""
UNREAD = ("pandas", "read_")
"""Great Expectations makes a model of each of pandas' readers that it finds; nothing is read by them here."""
UNDRAWN = ("evidently.tests", "nltk", "plotly.figure_factory", "sklearn")
"""The same of what draws the page."""


@contextmanager
def beside(*names: str) -> Iterator[Ask]:
    """Start a process that imports modules, and give what calls a function in it.

    What is asked and answered is pickled, so it has to be small. Where this process can be copied, it is, and
    shares what is loaded already. Modules that are loaded here are asked here. A module that cannot be
    imported says so where it is used.
    """
    os.environ.update(GX_ANALYTICS_ENABLED="false", DO_NOT_TRACK="1")
    if all(name in sys.modules for name in names):
        yield here
        return
    import_module(SHARED)
    forked = parting()
    context: Any = get_context("fork" if forked else "spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, ours, names), name="vendors", daemon=True)
    _start(process)
    theirs.close()
    try:
        yield partial(_asked, ours, Lock())
    finally:
        gc.unfreeze()
        ours.close()
        if forked:  # it holds nothing, and nobody waits for its end
            process.kill()
        else:  # it cleans its locks up, and ends by itself
            process.join()


def rules_for(model: "ModelSpec", path: str | Path | None = None) -> "Policy":
    """Read the policy for a model, with what its spec overrides.

    :param path: the policy's file; without one the packaged one.
    """
    from amends.adapters.files import load_policy

    own = os.environ.get("AMENDS_PLAYBOOKS")
    return load_policy(path, own).overridden(model.policy, f"model {model.name!r}")


def aside(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Start a function in a copy of this process, which has all it needs; give what waits for its answer.

    Where it cannot be copied the function is called at once.
    """
    if not parting():
        return at_once(function, *arguments)
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments), name="aside", daemon=True)
    _start(process)
    theirs.close()
    return partial(_received, ours)


def parting() -> bool:
    """Whether this process can be copied.

    Arrow's own threads may be there: idle, as now, they hold nothing, and a copy starts with new ones.
    """
    return active_count() == 1 and sys.platform == "linux"


def _start(process: Any) -> None:
    give_back()  # what is free here would be filled there, and so copied
    gc.freeze()  # a search for garbage would write to what is shared, and so copy it
    with catch_warnings(action="ignore", category=DeprecationWarning):  # Python 3.12 counts Arrow's threads
        process.start()


def _asked(there: "Connection", lock: Lock, function: Callable[..., Any], *arguments: Any) -> Any:
    with lock:
        with suppress(OSError):  # it is gone, as is told when its answer is waited for
            there.send((function, arguments))
        return _received(there)


def _received(there: "Connection") -> Any:
    try:
        answer, error = there.recv()
    except (EOFError, OSError):
        raise Unavailable("a process that judges or draws was ended. Free memory and repeat.") from None
    if error:
        raise error
    return answer


def _answer(there: "Connection", function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    try:
        there.send((function(*arguments), None))
    except Exception as error:  # noqa: BLE001 - it is raised where it was asked
        there.send((None, error))


def _import(names: Sequence[str]) -> None:
    put_off()
    unused = {CHECK[0]: (*UNUSED, *unasked()), PAGE[0]: UNDRAWN}.get(names[0], ())
    with suppress(Exception), by_name(*unused), ExitStack() as spared:
        if names == CHECK:
            spared.enter_context(without(*SPARABLE))
            spared.enter_context(lacking(*UNREAD))
        for name in names:  # one that fails is imported again by whoever uses it, and says what is wrong
            import_module(name)


@roomy
def _serve(mine: "Connection", theirs: "Connection", names: Sequence[str]) -> None:
    """Import, then answer until the other side is gone."""
    theirs.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side ends this one
    with unsearched():
        _import(names)
    while True:
        try:
            question = mine.recv_bytes()
        except EOFError:
            return
        _answer(mine, _called, [question])


def _called(question: bytes) -> Any:
    function, arguments = pickle.loads(question)  # noqa: S301 - from the process that started this one
    return function(*arguments)
