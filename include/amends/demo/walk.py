"""The demo's walk: one model, one bad release, and everything that Amends does about it, for real."""

import math
import time
from collections.abc import Callable
from textwrap import shorten

from amends.demo import lending
from amends.demo.release import Shop
from amends.demo.telling import Teller
from amends.domain.events import Event, EventKind
from amends.domain.headline import told
from amends.errors import AmendsError, Unavailable
from amends.stack import Running
from amends.stack.client import AirflowUser

RESPONSE = "respond_to_incident"
REVIEWERS = {"dana": "data-science", "petra": "product", "lena": "legal"}
SETTLE = 10.0
"""Seconds to wait before answering: Airflow 3.3 fails a question that is answered while being parked."""
RATIONALE = "Compared both versions on the same rows in the evidence; better and fair."


class Walk:
    """Walks through the story; each chapter waits for what the DAGs really do."""

    def __init__(self, running: Running, teller: Teller) -> None:
        self.running, self.tell = running, teller
        self.shop = Shop.open(running)
        self.ledger = self.shop.ledger
        self.operator = AirflowUser(running.airflow_url, "operator", running.users["operator"])

    def to_the_approvals(self) -> str:
        """Walk from an empty house to the point where people are asked; return the incident."""
        self.prepare()
        self.healthy_window()
        incident = self.bad_window()
        self.questions(incident)
        return incident

    def prepare(self) -> None:
        """Train and release version 1, and log its reference month."""
        with self.tell.step("Invent applications for loans, train version 1, release it"):
            version = self.shop.release_first()
            self.tell.line(f"version {version.version} is champion; its reference month is logged")
        self._wait_for_dags()

    def healthy_window(self) -> None:
        """Serve a window that is well: no incident."""
        with self.tell.step("A window served by version 1"):
            assessed = self._assessed(self.shop.serve(lending.HEALTHY))
        if assessed.payload["call"] is not None:
            raise AmendsError(f"demo: the healthy window raised {assessed.payload['call']}. See the ledger.")
        self.tell.line(f"no incident; {numbers(assessed)}")

    def bad_window(self) -> str:
        """Release version 2, serve a window with it, wait for the incident."""
        with self.tell.step("Release version 2, trained on past officers' decisions"):
            version = self.shop.release_second()
            self.tell.line(f"version {version.version} is champion")
        with self.tell.step(f"A window served by version {version.version}"):
            assessed = self._assessed(self.shop.serve(lending.BAD))
            self.tell.line(numbers(assessed))
        opened = self._until(
            EventKind.INCIDENT_OPENED,
            60,
            where=lambda event: event.payload["window"] == assessed.payload["window"],
        )
        incident = str(opened.incident)
        call = opened.payload["call"]
        self.tell.line(f"incident {incident}: {call['severity']} {', '.join(call['categories'])}")
        for reason in call["because"]:
            self.tell.line(f"  {shorten(reason, 200, placeholder=' ...')}")
        self.tell.line(f"response run: {self.operator.page(RESPONSE, incident)}")
        return incident

    def questions(self, incident: str) -> list[str]:
        """Follow the response until people are asked; say where they answer; return the waiting tasks."""
        requested = self._until(EventKind.APPROVAL_REQUESTED, 240, run=incident)
        roles = requested.payload["roles"]
        deadline = time.monotonic() + 60
        tasks: list[str] = []
        while len(tasks) < len(roles) and time.monotonic() < deadline:
            time.sleep(1)
            waiting = self.operator.questions(RESPONSE, incident)
            tasks = sorted(question["task_instance"]["task_id"] for question in waiting)
        if len(tasks) < len(roles):
            raise Unavailable(
                f"demo: only {tasks} of {roles} were asked within a minute. See the run's page."
            )
        self.tell.say(f"\n[{self.tell.elapsed:6.1f} s] {len(tasks)} approvals are pending:")
        for task in tasks:
            self.tell.line(self.operator.page(RESPONSE, incident, task))
        return tasks

    def approve(self, incident: str) -> None:
        """Answer as the three reviewers, through Airflow's REST API."""
        with self.tell.step("The three reviewers answer through Airflow's REST API"):
            time.sleep(SETTLE)
            waiting = self.operator.questions(RESPONSE, incident)
            tasks = {
                question["task_instance"]["task_id"].rpartition(".")[2]: question for question in waiting
            }
            for name, role in REVIEWERS.items():
                task = tasks[f"approve_{role.replace('-', '_')}"]["task_instance"]["task_id"]
                person = AirflowUser(self.running.airflow_url, name, self.running.users[name])
                code, document = person.answer(RESPONSE, incident, task, "Approve", RATIONALE)
                if code != 200:  # noqa: PLR2004 - accepted
                    raise Unavailable(f"demo: Airflow answered {code} to {name} at {task}: {document}")
                self.tell.line(f"{name} approves for {role}")

    def decided(self, incident: str, patience: float | None) -> str | None:
        """Wait until people have decided; the promoted version, or None where promotion was refused."""
        ended = self._until(
            (EventKind.PROMOTION_COMPLETED, EventKind.PROMOTION_REFUSED),
            patience,
            run=incident,
            where=lambda event: event.incident == incident and not event.key.startswith("contain:"),
        )
        return str(ended.payload["version"]) if ended.kind is EventKind.PROMOTION_COMPLETED else None

    def recovered(self) -> Event:
        """Serve the next window with the new champion; wait until the watch says recovered."""
        with self.tell.step("The next window, served by the promoted version"):
            assessed = self._assessed(self.shop.serve(lending.RECOVERED))
            self.tell.line(numbers(assessed))
            return self._until(EventKind.INCIDENT_CLOSED, 90)

    def _wait_for_dags(self) -> None:
        with self.tell.step("Wait until Airflow has read the DAGs"):
            wanted = {f"monitor_{self.shop.spec.name}", RESPONSE, "hand_over", "watch_promotions"}
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                if wanted <= {dag["dag_id"] for dag in self.operator.get("/dags?limit=200")["dags"]}:
                    return
                time.sleep(1)
            errors = self.operator.get("/importErrors")["import_errors"]
            raise Unavailable(f"demo: Airflow has not read {sorted(wanted)} in 2 minutes: {errors}")

    def _assessed(self, window: str) -> Event:
        return self._until(
            EventKind.WINDOW_ASSESSED,
            120,
            where=lambda event: event.key.startswith(f"assessed:{window}:"),
        )

    def _until(
        self,
        kinds: EventKind | tuple[EventKind, ...],
        seconds: float | None,
        *,
        run: str | None = None,
        where: Callable[[Event], bool] = lambda _: True,
    ) -> Event:
        """Tell events as they come until one of some kinds is there; None waits as long as it takes."""
        wanted = kinds if isinstance(kinds, tuple) else (kinds,)
        deadline = time.monotonic() + (seconds if seconds is not None else math.inf)
        while True:
            events = list(self.ledger.events(model=self.shop.spec.name))
            self.tell.events(events)
            found = [event for event in events if event.kind in wanted and where(event)]
            if found:
                return found[-1]
            failed = run is not None and self.operator.run_state(RESPONSE, run) == "failed"
            if failed or time.monotonic() > deadline:
                why = "the response run failed" if failed else f"nothing came in {seconds:.0f} s"
                page = self.operator.page(RESPONSE, run) if run else self.running.airflow_url
                raise Unavailable(f"demo: waited for {' or '.join(wanted)}, but {why}. See {page}")
            time.sleep(0.5)


def summary(walk: Walk, incident: str) -> str:
    """What the walk came to, from the ledger alone."""
    events = walk.ledger.events(model=walk.shop.spec.name)
    mine = [event for event in events if event.incident == incident]
    opened = next(event for event in mine if event.kind is EventKind.INCIDENT_OPENED)
    lines = [f"incident         {incident}", f"severity         {opened.payload['call']['severity']}"]
    lines += [
        f"rolled back      from version {event.payload['from']} to {event.payload['to']}"
        for event in mine
        if event.kind is EventKind.CONTAINED
    ]
    lines += [
        f"{event.payload['choice'].lower():<16} by {event.payload['person']} for {event.payload['role']}"
        for event in mine
        if event.kind is EventKind.APPROVAL_ANSWERED
    ]
    lines += [
        f"promoted         version {event.payload['version']}"
        for event in mine
        if event.kind is EventKind.CHAMPION_MOVED and event.payload["reason"] == "promotion"
    ]
    lines += [
        f"window served by version {event.payload['served_by']}: {numbers(event)}"
        for event in events
        if event.kind is EventKind.WINDOW_ASSESSED
    ]
    lines.append(f"took             {walk.tell.elapsed:.0f} s")
    return "\n".join(lines)


def numbers(assessed: Event) -> str:
    """The headline of an assessed window as one line."""
    return told(assessed.payload["headline"])
