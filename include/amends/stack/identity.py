"""What makes a stack this one: its ports, passwords and keys. Made once, kept in ``stack.json`` (0600)."""

import base64
import json
import random
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amends.errors import Unavailable
from amends.stack.layout import Layout, write_private

LOOPBACK = "127.0.0.1"
SERVED = ("postgres", "mlflow", "airflow")
DATABASES = ("airflow", "mlflow", "amends")
SERVICE_USER = "amends_service"

# name of the person's login -> Airflow role
PEOPLE: Mapping[str, str] = {
    "operator": "Op",
    "dana": "data-science",
    "petra": "product",
    "lena": "legal",
    SERVICE_USER: "Viewer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Ports, passwords and keys of one stack, and the folders of the project it serves."""

    dags: str
    specs: str
    ports: Mapping[str, int]
    database_passwords: Mapping[str, str]
    user_passwords: Mapping[str, str]
    keys: Mapping[str, str]

    @property
    def project(self) -> Path:
        """The project: the folder that holds the DAG folder."""
        return Path(self.dags).parent

    def dsn(self, role: str, database: str) -> str:
        """A libpq URL of a role on a database."""
        password = self.database_passwords[role]
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.ports['postgres']}/{database}"

    @property
    def ledger_dsn(self) -> str:
        """A libpq URL of the ledger, for those who append to it and read it."""
        return self.dsn("amends_app", "amends")

    def url(self, service: str) -> str:
        """Where a service answers over HTTP."""
        return f"http://{LOOPBACK}:{self.ports[service]}"


def load(layout: Layout) -> Identity | None:
    """The identity that a home has, or None for a new home."""
    try:
        document: dict[str, Any] = json.loads(layout.identity.read_text(encoding="utf-8"))
        return Identity(**document)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Unavailable(
            f"stack: {layout.identity} cannot be read ({error}). Remove {layout.home} and start again."
        ) from None


def establish(layout: Layout, dags: Path, specs: Path, wanted: Mapping[str, int]) -> Identity:
    """The home's identity, made if new; ports that were taken by others meanwhile are replaced.

    :param wanted: ports that a person asked for by service; these are never replaced.
    :raises Unavailable: a wanted port is taken.
    """
    known = load(layout)
    identity = Identity(
        dags=str(dags),
        specs=str(specs),
        ports=_ports(known.ports if known else {}, wanted),
        database_passwords=known.database_passwords
        if known
        else _passwords("postgres", "amends_app", *DATABASES),
        user_passwords=known.user_passwords if known else _passwords(*PEOPLE),
        keys=known.keys if known else _keys(),
    )
    write_private(layout.identity, json.dumps(asdict(identity), indent=1))
    return identity


def _passwords(*names: str) -> dict[str, str]:
    return {name: secrets.token_urlsafe(15) for name in names}


def _keys() -> dict[str, str]:
    return {
        "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "jwt": secrets.token_urlsafe(48),
        "session": secrets.token_urlsafe(48),
    }


def _ports(known: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    ports: dict[str, int] = {}
    for service in SERVED:
        if (port := wanted.get(service)) is not None:
            if not is_free(port):
                raise Unavailable(
                    f"stack: port {port} for {service} on {LOOPBACK} is taken or not allowed. "
                    f"Free it, or leave out --{service}-port and a free one is chosen."
                )
        elif (port := known.get(service)) is None or not is_free(port):
            port = free_port(taken=set(ports.values()) | set(wanted.values()))
        ports[service] = port
    return ports


def is_free(port: int) -> bool:
    """Whether a port on the loopback can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
    return True


def free_port(*, taken: set[int]) -> int:
    """A free port below the range of outgoing connections, so that none of these takes it while we start."""
    candidates = (random.randint(20_000, 32_000) for _ in range(1000))  # noqa: S311 - not a secret
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    raise Unavailable(f"stack: no free port from 20000 to 32000 on {LOOPBACK}. End what holds them.")
