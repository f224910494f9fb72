"""Imports that cost more than they bring: put off until they are used, or left out."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import FunctionType, ModuleType
from typing import Any, TypeVar

PUT_OFF = frozenset(
    {"altair", "jsonschema", "mistune", "requests", "numpy.f2py", "numpy.polynomial", "numpy.testing"}
)
"""Imported by numpy, scipy and the vendors, and used by nobody here: charts, schemas, Fortran, tests."""
SLOTS = 70_000
"""Half a megabyte of frames: see :func:`roomy`."""

F = TypeVar("F", bound=Callable[..., object])


def put_off() -> None:
    """Load the modules of PUT_OFF when something in them is first used, from now on."""
    if _PutOff not in sys.meta_path:
        sys.meta_path.insert(0, _PutOff)


@contextmanager
def unsearched() -> Iterator[None]:
    """Import without searches for garbage: what an import makes is there to stay, and they take a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Import what is imported here as if some packages, which it can do without, were not installed."""
    absent = _Absent(names)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)


@contextmanager
def lacking(module: str, prefix: str) -> Iterator[None]:
    """Import what is imported here as if a module had nothing whose name begins so.

    :raises ImportError: there is no such module.
    """
    there = vars(import_module(module))
    hidden = {name: there.pop(name) for name in [*there] if name.startswith(prefix)}
    try:
        yield
    finally:
        there.update(hidden)


@contextmanager
def by_name(*names: str) -> Iterator[None]:
    """Import what is imported here as if some modules were loaded, of which it takes functions by name.

    Such a function loads its module when it is called. Whoever imports the module afterwards, or what is in
    it, gets it whole. Modules that are there stay as they are.
    """
    standing_in = _StandIns(name for name in names if name not in sys.modules)
    sys.meta_path.insert(0, standing_in)
    try:
        yield
    finally:
        sys.meta_path.remove(standing_in)
        for name in standing_in.made:
            package, _, part = name.rpartition(".")
            if package in sys.modules:
                vars(sys.modules[package]).pop(part, None)
            del sys.modules[name]


@contextmanager
def compiled(name: str, part: str) -> Iterator[None]:
    """Import what is imported here as if a package held nothing but what one of its modules does.

    Whoever imports the package afterwards gets it whole. Where it is there already, or not built so any more,
    it is used as it is.
    """
    found = None if name in sys.modules else find_spec(name)
    if found:
        sys.modules[name] = module_from_spec(found)
        try:
            vars(sys.modules[name]).update(vars(import_module(f"{name}.{part}")))
        except ImportError:
            del sys.modules[name]
    bare = sys.modules.get(name) if found else None
    try:
        yield
    finally:
        if bare:
            del sys.modules[name]


def roomy(function: F) -> F:
    """Give what a function calls one large piece of memory for its frames.

    CPython keeps frames in pieces of 16 KiB, and takes and gives one back whenever the calls go deeper than
    it holds. Imports, which lie a hundred deep, do so tens of thousands of times, for a tenth of their time.
    A frame that says it needs more gets a larger piece, and leaves what it does not use to those it calls.
    """
    if isinstance(function, FunctionType):
        function.__code__ = function.__code__.replace(co_stacksize=SLOTS)
    return function


class _Named(ModuleType):
    """Stands in for a module: whatever is asked of it is a function."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Give what calls the module's function of that name."""
        if name.startswith("__"):
            raise AttributeError(name)

        def called(*given: Any, **named: Any) -> Any:
            return getattr(import_module(self.__name__), name)(*given, **named)

        return called


class _StandIns(Loader):
    """Finds stand-ins for modules of some names, and for whatever is in them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names, self.made = frozenset(names), list[str]()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """Find a stand-in; None for all modules that none stands in for."""
        del path, target
        parts = name.split(".")
        spared = any(".".join(parts[:end]) in self._names for end in range(1, len(parts) + 1))
        return ModuleSpec(name, self, is_package=True) if spared else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make a stand-in."""
        self.made.append(spec.name)
        return _Named(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


class _Absent:
    """Finds no module of some names, whoever else could."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        """Refuse a name, and leave all others to others. :raises ModuleNotFoundError: as for no package."""
        del path, target
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


class _PutOff:
    """Finds the modules of PUT_OFF, and puts off what is in them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Find a module as Python does; None for all that are not put off."""
        del target
        found = PathFinder.find_spec(name, path) if name in PUT_OFF else None
        if found and found.loader:
            found.loader = LazyLoader(found.loader)
        return found
