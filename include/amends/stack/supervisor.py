"""The one process that owns a stack: it starts the services in order, starts again what ends, ends all.

Started by `amends up` as ``python -m amends.stack.supervisor <home>``; SIGTERM ends it and all it started.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from amends.domain.canonical import digest_of
from amends.errors import AmendsError, Unavailable
from amends.stack import deployment, environment, postgres, processes, services
from amends.stack.identity import PEOPLE, Identity, load
from amends.stack.layout import Layout
from amends.stack.processes import Ending, Known
from amends.stack.services import Service
from amends.stack.state import Phase, State

if TYPE_CHECKING:
    import subprocess

PATIENCE = 240.0  # seconds until a service has to answer
LONGEST_PAUSE = 30.0  # seconds between two starts of a service that keeps ending
STEADY = 60.0  # seconds after which a service counts as well again
ATTEMPTS = 3  # starts of a service that ends before all was up once
PULSE = 0.5

# packages of which another version asks for the preparation of Airflow's database anew
PREPARED_BY = ("amends", "apache-airflow-core", "apache-airflow-providers-fab")


class Stopped(Exception):
    """Somebody asked for the end."""


class Supervisor:
    """Owner of the services of one home."""

    def __init__(self, layout: Layout, identity: Identity, owner: Known | None = None) -> None:
        self.layout = layout
        self.identity = identity
        self.owner = owner
        self.state = State(supervisor=Known.of(os.getpid()))
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.wanted: dict[str, Service] = {}
        self.begun: dict[str, float] = {}
        self.due: dict[str, float] = {}
        self.stopping = False

    def run(self) -> int:
        """Bring up, watch until told to end, bring down; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            self.bring_up()
            while True:
                self.pulse()
        except Stopped:
            return 0
        except (AmendsError, OSError) as error:
            self.state.error = str(error)
            return 1
        finally:
            self.bring_down()

    def bring_up(self) -> None:
        """Start everything in the order of need; what does not need each other starts side by side."""
        self.tell("setting up PostgreSQL")
        postgres.initialise(self.layout, self.identity)
        self.start(services.database(self.layout, self.identity))
        self.wait("postgres", lambda: postgres.answers(self.identity))
        self.create_databases()
        self.start(services.registry(self.layout, self.identity))
        self.prepare_airflow()
        for component in services.airflow(self.layout, self.identity):
            self.start(component)
        self.tell("waiting for Airflow and MLflow")
        self.wait("Airflow or MLflow", lambda: all(services.health(self.identity).values()))
        self.tell("watching", phase="up")

    def create_databases(self) -> None:
        """Create roles and databases, and the ledger in its own."""
        self.tell("creating databases and the ledger")
        addresses = {
            "AMENDS_ADMIN_DSN": self.identity.dsn(postgres.SUPERUSER, "postgres"),
            "AMENDS_OWNER_DSN": self.identity.dsn("amends", "amends"),
            "AMENDS_DSN": self.identity.ledger_dsn,
            "MLFLOW_BACKEND_STORE_URI": self.identity.dsn("mlflow", "mlflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.identity.dsn("airflow", "airflow"),
        }
        deployment.create_databases(addresses)
        deployment.migrate_ledger(addresses)

    def prepare_airflow(self) -> None:
        """Create Airflow's tables and people, in a process of its own; once for each version of Airflow."""
        passwords = self.identity.user_passwords
        people = {login: {"role": role, "password": passwords[login]} for login, role in PEOPLE.items()}
        mark = digest_of({"people": people, "versions": {name: version(name) for name in PREPARED_BY}})
        if self.layout.prepared.exists() and self.layout.prepared.read_text() == mark:
            return
        self.tell("creating Airflow's tables and people")
        self.step("airflow-setup", (sys.executable, "-m", "amends.orchestration.prepare"), people)
        self.layout.prepared.write_text(mark)

    def step(self, name: str, command: tuple[str, ...], document: Mapping[str, object]) -> None:
        """Run a command to its end, a JSON document on its standard input."""
        log = self.layout.log(name)
        variables = environment.service_environment(self.layout, self.identity)
        child = processes.spawn(
            command, environment=variables, log=log, cwd=self.layout.home, given=json.dumps(document).encode()
        )
        self.record(name, child, Ending(Known.of(child.pid)))
        while child.poll() is None:
            self.pulse(0.1)
        del self.children[name], self.state.sessions[name]
        if child.returncode:
            raise Unavailable(f"stack: {name} failed (exit code {child.returncode}). See {log}.")

    def start(self, service: Service) -> None:
        """Start a service and from now on keep it running."""
        self.wanted[service.name] = service
        self.begun[service.name] = time.monotonic()
        log = self.layout.log(service.name)
        child = processes.spawn(
            service.command, environment=service.environment, log=log, cwd=self.layout.home
        )
        self.record(service.name, child, Ending(Known.of(child.pid), service.ending, service.grace))

    def wait(self, what: str, answers: Callable[[], bool]) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + PATIENCE
        while not answers():
            if time.monotonic() > deadline:
                logs = self.layout.logs
                raise Unavailable(f"stack: {what} did not answer in {PATIENCE:.0f} s. See {logs}.")
            self.pulse(0.2)

    def pulse(self, seconds: float = PULSE) -> None:
        """Let a moment pass, then start again what ended."""
        time.sleep(seconds)
        if self.stopping or self.deserted():
            raise Stopped
        now = time.monotonic()
        for name in self.wanted.keys() - self.due.keys():
            if self.children[name].poll() is not None:
                self.bury(name, now)
        for name in [name for name, moment in self.due.items() if moment <= now]:
            del self.due[name]
            self.start(self.wanted[name])

    def deserted(self) -> bool:
        """Whether the home was removed, or the process that this stack is tied to has ended."""
        return not self.layout.identity.exists() or (self.owner is not None and not self.owner.alive())

    def bury(self, name: str, now: float) -> None:
        """A service ended: end what it left behind, and plan its next start, later each time."""
        processes.end(Ending(self.state.sessions[name].leader, grace=0))
        if now - self.begun[name] > STEADY:
            self.state.restarts[name] = 0
        times = self.state.restarts.get(name, 0) + 1
        if self.state.phase == "starting" and times > ATTEMPTS:
            raise Unavailable(f"stack: {name} keeps ending while it starts. See {self.layout.log(name)}.")
        self.state.restarts[name] = times
        self.due[name] = now + min(LONGEST_PAUSE, 2.0 ** (times - 1))
        self.note(f"{name} ended with {self.children[name].returncode}; it is started again")
        self.publish()

    def bring_down(self) -> None:
        """End everything: what uses the database first, the database last."""
        self.tell("ending", phase="ending")
        for endings in self.state.endings():
            processes.end(*endings)
        self.state.sessions.clear()
        if self.state.error is not None:
            self.tell("ended", phase="failed")
        else:
            self.layout.state.unlink(missing_ok=True)

    def record(self, name: str, child: "subprocess.Popen[bytes]", ending: Ending) -> None:
        """Write down a process before anything else happens."""
        self.children[name] = child
        self.state.sessions[name] = ending
        self.publish()

    def tell(self, doing: str, *, phase: Phase | None = None) -> None:
        """Publish what happens now."""
        self.state.doing = doing
        self.state.phase = phase or self.state.phase
        self.publish()

    def publish(self) -> None:
        """Write the state; a full disk or a removed home must not keep us from ending what runs."""
        try:
            self.state.write(self.layout)
        except OSError as error:
            self.note(f"the state could not be written: {error}")

    def note(self, line: str) -> None:
        """A line for the supervisor's log."""
        print(line, flush=True)  # noqa: T201 - standard output is that log

    def _stop(self, *_: object) -> None:
        self.stopping = True


def main() -> int:
    """Supervise the stack of the home named on the command line; the id of a process may follow."""
    layout = Layout.at(Path(sys.argv[1]))
    identity = load(layout)
    if identity is None:
        raise Unavailable(f"stack: {layout.home} holds no stack. Start it with `amends up`.")
    owner = Known.of(int(sys.argv[2])) if sys.argv[2:] else None
    return Supervisor(layout, identity, owner).run()


if __name__ == "__main__":
    sys.exit(main())
