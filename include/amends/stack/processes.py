"""Starting and ending processes so that none is left behind.

Each service leads a session of its own. Whatever it forks stays in that session, even when the leader is
killed: a session is ended as a whole. A process is known by its id *and* the moment it was created, so an
id that the system gave to somebody else meanwhile is never touched.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

OBSTINATE = 20.0  # seconds until a process that a kill does not end is given up
PAUSE = 0.1  # seconds between two looks
TOLERANCE = 5.0  # seconds: what a corrected clock may shift


@dataclass(frozen=True, slots=True)
class Known:
    """A process as we recorded it: its id and when it was created (seconds since the epoch)."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "Known":
        """Record a process that we just started."""
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        """Whether this very process still runs (one that has ended and waits to be collected does not)."""
        process = _process(self.pid)
        return process is not None and abs(process.create_time() - self.created) <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session is ended: by its leader of record, with a signal, and after a grace with a kill."""

    leader: Known
    first: signal.Signals = signal.SIGTERM
    grace: float = 12.0


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, cwd: Path, given: bytes = b""
) -> "subprocess.Popen[bytes]":
    """Start a command as the leader of a new session, its output appended to a log, its input given."""
    with log.open("ab") as output, tempfile.TemporaryFile() as source:
        source.write(given)
        source.seek(0)
        return subprocess.Popen(
            list(command), env=dict(environment), cwd=cwd, start_new_session=True,
            stdin=source, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip


def session(leader: Known) -> list[psutil.Process]:
    """The living processes of a session, by its leader of record (who may be dead)."""
    if _taken_over(leader):
        return []  # the id was given to somebody else, so the session had ended
    return [process for process in psutil.process_iter() if _belongs(process, leader)]


def end(*endings: Ending) -> None:
    """End sessions side by side: each gets its signal, and after its grace a kill."""
    begun = time.monotonic()
    for ending in endings:
        _ask(ending)
    left = list(endings)
    while left and time.monotonic() - begun < max(ending.grace for ending in left) + OBSTINATE:
        collect(ending.leader for ending in left)
        left = [ending for ending in left if session(ending.leader)]
        for ending in left:
            if time.monotonic() - begun >= ending.grace:
                _kill(session(ending.leader))
        time.sleep(PAUSE)


def _ask(ending: Ending) -> None:
    """Send the first signal to the leader, who tells its own; to all members where the leader is dead."""
    leader = ending.leader
    for process in [psutil.Process(leader.pid)] if leader.alive() else session(leader):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(ending.first)


def _kill(members: Iterable[psutil.Process]) -> None:
    for process in members:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def collect(leaders: Iterable[Known]) -> None:
    """Let the system forget those children of ours that have ended."""
    for leader in leaders:
        with suppress(ChildProcessError):
            os.waitpid(leader.pid, os.WNOHANG)


def _process(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def _taken_over(leader: Known) -> bool:
    """Whether the id is another process's by now; one that ends while we look is still the leader."""
    try:
        return bool(abs(psutil.Process(leader.pid).create_time() - leader.created) > TOLERANCE)
    except psutil.NoSuchProcess:
        return False


def _belongs(process: psutil.Process, leader: Known) -> bool:
    try:
        return (
            os.getsid(process.pid) == leader.pid
            and process.create_time() >= leader.created - TOLERANCE
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
        return False
