"""Where a stack keeps its things: every path of a run lies under one folder, ``<project>/.amends``."""

import os
from dataclasses import dataclass
from pathlib import Path

from amends.errors import Unavailable


def source_root() -> Path:
    """The folder that `amends` is imported from (``<project>/include`` in a checkout)."""
    return Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths under a stack's home."""

    home: Path

    @classmethod
    def at(cls, home: Path) -> "Layout":
        """The layout of an absolute home folder."""
        return cls(home.expanduser().resolve())

    @property
    def identity(self) -> Path:
        """Ports, passwords and keys (0600)."""
        return self.home / "stack.json"

    @property
    def state(self) -> Path:
        """What runs now, as the supervisor last wrote it."""
        return self.home / "state.json"

    @property
    def lock(self) -> Path:
        """Held while somebody starts or stops the stack."""
        return self.home / "lock"

    @property
    def introduced(self) -> Path:
        """There once the passwords were shown."""
        return self.home / "introduced"

    @property
    def prepared(self) -> Path:
        """What Airflow's database was prepared for (a digest)."""
        return self.home / "prepared"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "postgres"

    @property
    def artefacts(self) -> Path:
        """MLflow's artefacts."""
        return self.home / "artefacts"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.home / "logs"

    @property
    def temporary(self) -> Path:
        """TMPDIR of every service."""
        return self.home / "tmp"

    def log(self, service: str) -> Path:
        """The log of a service."""
        return self.logs / f"{service}.log"

    def create(self) -> None:
        """Make the folders; the home is for its owner, but for a way through to the database."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            # root's PostgreSQL runs as another user (postgres.py), who has to pass through
            self.home.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.artefacts, self.airflow, self.logs, self.temporary):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"stack: cannot write {self.home}: {error.strerror}. Choose another folder with --home."
            ) from None


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
