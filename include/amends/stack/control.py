"""Start, end and look at a stack: what `amends up`, `down` and `status`, the demo and the tests call."""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from amends.errors import BadInput, Unavailable
from amends.stack import environment, postgres, processes, services, state
from amends.stack.identity import Identity, establish, load
from amends.stack.layout import Layout, source_root
from amends.stack.processes import Ending, Known

NEEDED = 1 << 30  # bytes of free disk that a run needs
UNHURRIED = 60.0  # seconds that the supervisor may take to end its services

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A stack that is up, and how to speak to it."""

    home: Path
    dsn: str
    owner_dsn: str
    mlflow_uri: str
    airflow_url: str
    users: Mapping[str, str] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    specs_folder: Path
    started_now: bool
    first_time: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a home's stack is at this moment."""

    phase: str
    healthy: Mapping[str, bool]
    restarts: Mapping[str, int]
    airflow_url: str | None
    mlflow_uri: str | None

    @property
    def well(self) -> bool:
        """Whether all of it is up and answers."""
        return self.phase == "up" and all(self.healthy.values())


def up(
    home: Path,
    *,
    dags_folder: Path,
    specs_folder: Path | None = None,
    ports: Mapping[str, int] | None = None,
    tied: bool = False,
    say: Say = lambda _: None,
) -> Running:
    """Start the stack of a home and wait until all of it is well; one that is up is returned as it is.

    :param dags_folder: the project's ``dags``; its parent is the project, with ``plugins`` and ``include``.
    :param specs_folder: the models' specs; None: the project's ``include/models``.
    :param ports: ports to insist on, by service (postgres, mlflow, airflow); others are chosen.
    :param tied: end the stack as soon as the calling process ends, however that ends.
    :raises BadInput: there is no such DAG folder.
    :raises Unavailable: a port is taken, the disk is full, a service does not come up; nothing stays running.
    """
    begun = time.monotonic()
    layout = Layout.at(home)
    dags = _existing(dags_folder)
    layout.create()
    with _exclusive(layout):
        identity = _up(layout)
        if identity is not None:
            return _running(layout, identity, begun)
        _check_disk(layout)
        _sweep(layout)
        specs = specs_folder.expanduser().resolve() if specs_folder else dags.parent / "include" / "models"
        identity = establish(layout, dags, specs, ports or {})
        supervisor = _launch(layout, tied=tied)
        try:
            _follow(layout, supervisor, say)
        except BaseException:  # Ctrl-C too: what is half up is of no use
            processes.end(Ending(supervisor, grace=UNHURRIED))
            _sweep(layout)
            raise
        first_time = not layout.introduced.exists()
        layout.introduced.touch()
    return _running(layout, identity, begun, started_now=True, first_time=first_time)


def down(home: Path) -> bool:
    """End the stack of a home and whatever an earlier one left behind; whether anything ran."""
    layout = Layout.at(home)
    if not layout.home.exists():
        return False
    known = state.read(layout)
    if known is not None and known.supervisor.alive():
        processes.end(Ending(known.supervisor, grace=UNHURRIED))
        _sweep(layout)
        return True
    return _sweep(layout)


def status(home: Path) -> Status:
    """Look at the stack of a home."""
    layout = Layout.at(home)
    known, identity = state.read(layout), load(layout)
    if known is None or identity is None or not known.supervisor.alive():
        left = known.sessions.values() if known else ()
        phase = "unsupervised" if any(processes.session(ending.leader) for ending in left) else "down"
        return Status(phase=phase, healthy={}, restarts={}, airflow_url=None, mlflow_uri=None)
    return Status(
        phase=known.phase,
        healthy=services.health(identity),
        restarts=known.restarts,
        airflow_url=identity.url("airflow"),
        mlflow_uri=identity.url("mlflow"),
    )


def ledger_dsn(home: Path) -> str | None:
    """A libpq URL of the ledger of a home's stack, for its clients; None where none is up."""
    identity = _up(Layout.at(home))
    return identity.ledger_dsn if identity else None


def wait_for_end(home: Path) -> None:
    """Return when the stack of a home has ended, whoever ended it."""
    layout = Layout.at(home)
    while (known := state.read(layout)) is not None and known.supervisor.alive():
        time.sleep(1)


def _up(layout: Layout) -> Identity | None:
    """Identity of a stack that is up and supervised."""
    known, identity = state.read(layout), load(layout)
    up = identity is not None and known is not None and known.phase == "up" and known.supervisor.alive()
    return identity if up else None


def _running(
    layout: Layout, identity: Identity, begun: float, *, started_now: bool = False, first_time: bool = False
) -> Running:
    return Running(
        home=layout.home,
        dsn=identity.ledger_dsn,
        owner_dsn=identity.dsn("amends", "amends"),
        mlflow_uri=identity.url("mlflow"),
        airflow_url=identity.url("airflow"),
        users=identity.user_passwords,
        specs_folder=Path(identity.specs),
        env=environment.client_environment(layout, identity),
        started_now=started_now,
        first_time=first_time,
        seconds=time.monotonic() - begun,
    )


@contextmanager
def _exclusive(layout: Layout) -> Iterator[None]:
    with layout.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                f"stack: another `amends up` is starting {layout.home}. Wait, or end it with `amends down`."
            ) from None
        yield


def _existing(dags: Path) -> Path:
    folder = dags.expanduser().resolve()
    if not folder.is_dir():
        raise BadInput(f"stack: no DAG folder {folder}. Run in the project's folder, or name it with --dags.")
    return folder


def _check_disk(layout: Layout) -> None:
    free = shutil.disk_usage(layout.home).free
    if free < NEEDED:
        raise Unavailable(
            f"stack: {free >> 20} MiB are free in {layout.home}, a run needs {NEEDED >> 20}. "
            "Free some, or choose another folder with --home."
        )


def _sweep(layout: Layout) -> bool:
    """End what a supervisor that died left behind; whether there was any."""
    known = state.read(layout)
    stages = known.endings() if known else ()
    left = any(processes.session(ending.leader) for stage in stages for ending in stage)
    for stage in stages:
        processes.end(*stage)
    if (server := postgres.left_behind(layout)) is not None:
        processes.end(server)
        left = True
    layout.state.unlink(missing_ok=True)
    return left


def _launch(layout: Layout, *, tied: bool) -> Known:
    """Start the supervisor as a session of its own, which outlives us."""
    log = str(layout.log("supervisor"))
    owner = [str(os.getpid())] if tied else []
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "amends.stack.supervisor", str(layout.home), *owner],
        {**os.environ, "PYTHONPATH": str(source_root()), "PYTHONUNBUFFERED": "1"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return Known.of(pid)


def _follow(layout: Layout, supervisor: Known, say: Say) -> None:
    """Wait until the supervisor says that all is up, telling each step once."""
    told = ""
    while supervisor.alive():
        known = state.read(layout)
        if known is not None and known.supervisor.pid == supervisor.pid:
            if known.phase == "up":
                return
            if known.doing != told:
                say(told := known.doing)
        time.sleep(0.2)
    processes.collect([supervisor])
    known = state.read(layout)
    reason = known.error if known else None
    raise Unavailable(reason or f"stack: the supervisor ended. See {layout.log('supervisor')}.")
