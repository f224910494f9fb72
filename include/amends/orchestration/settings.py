"""Where Amends finds its model specs and its database, from the environment and Airflow's connections."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import amends
from amends.domain.playbook import Playbook
from amends.domain.spec import ModelSpec
from amends.errors import BadInput, SpecError, Unavailable

LEDGER_CONNECTION = "amends_db"
API_CONNECTION = "airflow_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The model specs that could be read, by model name, and one line for each file that could not."""

    specs: dict[str, ModelSpec]
    problems: tuple[str, ...]

    def spec(self, model: str) -> ModelSpec:
        """Take a model's spec. :raises SpecError: there is no readable spec of that name."""
        if model not in self.specs:
            known = ", ".join(self.specs) or "none"
            raise SpecError(
                f"model {model!r} has no spec in {specs_folder()}; there is: {known}. Add {model}.yaml."
            )
        return self.specs[model]


def specs_folder() -> Path:
    """Return the folder with one YAML file per model: ``AMENDS_SPECS``, or ``include/models``."""
    given = os.environ.get("AMENDS_SPECS")
    return Path(given) if given else Path(amends.__file__).parents[1] / "models"


def read_shelf(folder: Path | None = None) -> Shelf:
    """Read every spec of a folder; a broken one is a problem of its own and hides no other."""
    from amends.adapters.files import load_spec

    folder = folder or specs_folder()
    specs: dict[str, ModelSpec] = {}
    problems = [] if folder.is_dir() else [f"{folder}: no such folder. Set AMENDS_SPECS to your specs."]
    for path in _yaml_files(folder):
        try:
            spec = load_spec(path)
        except BadInput as error:
            problems.append(str(error))
            continue
        if spec.name in specs:
            problems.append(f"{path}: another file names its model {spec.name!r} too. Rename one.")
        else:
            specs[spec.name] = spec
    return Shelf(specs=specs, problems=tuple(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The playbooks that could be read, by name, and one line for each file that could not."""

    playbooks: dict[str, Playbook]
    problems: tuple[str, ...]


def read_books() -> Books:
    """Read the packaged playbooks, and those of the folder that ``AMENDS_PLAYBOOKS`` names.

    A broken file of a team's own, or one that uses a step nobody wrote, is left out and hides no other.
    """
    from amends.adapters.files import load_playbook, load_playbooks
    from amends.workflow.house import WORDS
    from amends.workflow.playbooks import kind_of

    found, problems = load_playbooks(), []
    own = os.environ.get("AMENDS_PLAYBOOKS")
    folder = Path(own) if own else None
    if folder is not None and not folder.is_dir():
        problems.append(f"{folder}: no such folder of playbooks. Create it, or correct AMENDS_PLAYBOOKS.")
    for path in _yaml_files(folder) if folder else ():
        try:
            playbook = load_playbook(path)
            for step in playbook.steps:
                kind_of(step, WORDS)
        except BadInput as error:
            said = str(error)
            problems.append(said if path.name in said else f"{path.name}: {said}")
        else:
            found[playbook.name] = playbook
    return Books(playbooks=found, problems=tuple(problems))


def read_playbooks() -> dict[str, Playbook]:
    """Return the playbooks that can be carried out, by name."""
    return read_books().playbooks


def _yaml_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*")) if path.suffix in {".yaml", ".yml"})


def libpq_parts(connection: Any) -> dict[str, str]:
    """Turn an Airflow connection into libpq parameters; extras such as ``sslmode`` are passed on.

    :raises Unavailable: the connection names no database.
    """
    if not connection.schema:
        raise Unavailable(
            f"connection {connection.conn_id!r} names no database. Write postgresql://user:password@host/name."
        )
    parts = {
        "host": connection.host,
        "port": str(connection.port) if connection.port else None,
        "user": connection.login,
        "password": connection.password,
        "dbname": connection.schema,
        **{key: str(value) for key, value in connection.extra_dejson.items()},
    }
    return {key: value for key, value in parts.items() if value}


def dsn_of(connection: Any) -> str:
    """Return an Airflow connection to Postgres as a libpq connection string."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**libpq_parts(connection))
