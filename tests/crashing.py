"""Run a promotion in a process of its own that dies at a named point, or races against others."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from amends.adapters.postgres import PostgresLedger
from amends.domain.canonical import digest_of
from amends.domain.promotion import ModelVersion, Move
from amends.errors import ArtefactError, Superseded
from amends.workflow.promote import promote

KILLED = 137


def digest_for(version: str) -> str:
    """Content digest of a version of :class:`FileRegistry`."""
    return digest_of({"version": version})


def move_to(model: str, version: str, seen_epoch: int, key: str) -> Move:
    """Make a promotion to a version of :class:`FileRegistry`."""
    return Move(
        key=key, model=model, version=version, digest=digest_for(version),
        seen_epoch=seen_epoch, reason="promotion",
    )  # fmt: skip


@dataclass
class FileRegistry:
    """Any version exists; the alias is one file, so that it outlives the process that set it."""

    folder: Path

    def version(self, model: str, version: str) -> ModelVersion:
        """Return a version, whatever its number."""
        return ModelVersion(model=model, version=version, digest=digest_for(version))

    def aliased(self, model: str) -> str | None:
        """Read the alias."""
        file = self.folder / model
        return file.read_text() if file.exists() else None

    def point_champion(self, model: str, version: str) -> None:
        """Write the alias in one step; the last writer wins, as in MLflow."""
        new = self.folder / f"{model}.{os.getpid()}"
        new.write_text(version)
        new.replace(self.folder / model)

    def load(self, version: ModelVersion) -> Any:
        """Load nothing."""
        raise ArtefactError(f"version {version.version} is a name only")


@dataclass
class Fuse:
    """Notes every point that is passed, and ends the process at one of them."""

    kill_at: int | None = None
    passed: int = 0
    names: tuple[str, ...] = ()

    def __call__(self, name: str) -> None:
        """Pass a point, or die there."""
        if self.passed == self.kill_at:
            os._exit(KILLED)
        self.passed += 1
        self.names += (name,)


class Fused:
    """Passes each call of a port on, through the fuse before and after it."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._port, name)

        def fused(*args: Any, **named: Any) -> Any:
            self._fuse(f"before {name}")
            answer = call(*args, **named)
            self._fuse(f"after {name}")
            return answer

        return fused


class FusedLedger(Fused):
    """As :class:`Fused`; inside a transaction, and around its commit, there are points too."""

    @contextmanager
    def transaction(self, model: str) -> Iterator[Any]:
        """Open a transaction that can die at every step."""
        self._fuse("before transaction")
        with self._port.transaction(model) as transaction:
            yield Fused(transaction, self._fuse)
            self._fuse("before commit")
        self._fuse("after commit")


def promote_with_fuse(dsn: str, folder: Path, move: Move, kill_at: int | None) -> tuple[str, ...]:
    """Promote; die at the point with this number. Returns the names of the points passed."""
    fuse = Fuse(kill_at)
    promote(FusedLedger(PostgresLedger(dsn), fuse), Fused(FileRegistry(folder), fuse), move)  # type: ignore[arg-type]
    return fuse.names


def race(dsn: str, folder: Path, runner: str, *, rounds: int, start: Barrier) -> None:
    """Try in each round to promote a version of one's own on the same epoch; write down the wins."""
    ledger, registry, model, won = PostgresLedger(dsn), FileRegistry(folder), "raced", []
    for epoch in range(rounds):
        start.wait()
        move = move_to(model, f"{epoch}{runner}", epoch, f"{model}:{epoch}:{runner}")
        try:
            promote(ledger, registry, move)  # type: ignore[arg-type]
            won.append(epoch)
        except Superseded:
            pass
        start.wait()
    (folder / f"won-{runner}.json").write_text(json.dumps(won))
