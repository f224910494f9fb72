"""The sandbox's inside: ``python -m amends.adapters.sandbox_child ARTEFACT DIGEST MEGABYTES``.

It runs in its scratch folder, where it finds the rows and leaves the scores.

It leaves the network (a network namespace without an interface, where the kernel lets it), bounds its memory,
dies with its parent, and refuses by an audit hook, which cannot be taken off again, to open sockets, to
start processes and to write outside the scratch folder. Then it checks and loads the artefact and scores.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amends.errors import AmendsError

ROWS, SCORES = "rows.parquet", "scores.parquet"
"""What it reads from the scratch folder, and what it leaves there."""
REFUSED = 4
"""Exit code with which it says in one line why it did not score."""
NEW_USER, NEW_NETWORK, DEATH_SIGNAL = 0x10000000, 0x40000000, 1
"""Of Linux: clone(2) and prctl(2)."""
FORBIDDEN = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.",
    "urllib.",
)  # fmt: skip
CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.chown",
    "os.truncate",
)


def main(arguments: list[str]) -> int:
    """Shut the doors, load, score, and leave the scores; say in one line why where that is refused."""
    artefact, digest, megabytes = arguments
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    leave_the_network()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (int(megabytes) << 20,) * 2)
    try:
        _score(Path(artefact), digest)
    except AmendsError as error:
        said = str(error)
    except MemoryError:
        said = f"the version needs more than {megabytes} MB in the sandbox. Give it fewer rows."
    except PermissionError as error:
        said = f"the version tried what the sandbox forbids: {error}. Don't serve it; find out who made it."
    else:
        return 0
    sys.stderr.write(said + "\n")
    return REFUSED


def _score(artefact: Path, digest: str) -> None:
    import pandas as pd

    from amends.adapters.artefacts import read_artefact
    from amends.measures.scoring import scorer_of

    rows = pd.read_parquet(ROWS)
    sys.addaudithook(doors(Path.cwd()))
    answer = scorer_of(read_artefact(artefact, digest))(rows)
    (answer if answer.ndim > 1 else answer.to_frame("score")).to_parquet(SCORES)


def leave_the_network() -> bool:
    """Enter a network namespace without an interface; False where the kernel does not let us."""
    libc = ctypes.CDLL(None)
    entered = libc.unshare(NEW_NETWORK) == 0 or libc.unshare(NEW_USER | NEW_NETWORK) == 0
    return bool(entered)


def doors(scratch: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Make the audit hook that refuses sockets, processes and changes outside the scratch folder."""
    inside = os.path.join(os.path.realpath(scratch), "")  # noqa: PTH118 - inside a hook nothing may open files

    def outside(path: Any) -> bool:
        named = isinstance(path, str | bytes | os.PathLike)
        return named and not os.path.realpath(os.fsdecode(path)).startswith(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(FORBIDDEN):
            raise PermissionError(event)
        if (event == "open" and _writes(*arguments)) or event in CHANGES:
            for path in arguments[:2]:
                if outside(path):
                    raise PermissionError(f"{event} of {os.fsdecode(path)}")

    return hook


def _writes(path: Any, mode: Any, flags: Any) -> bool:
    if isinstance(path, int):
        return False
    by_mode = isinstance(mode, str) and any(letter in mode for letter in "wax+")
    return by_mode or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
