"""The whole walk through a running Airflow: a bad release, forged and real approvals, recovery."""

import time

import pytest
from amends.demo import lending
from amends.demo.telling import Teller
from amends.demo.walk import RATIONALE, RESPONSE, REVIEWERS, SETTLE, Walk
from amends.domain.events import EventKind
from amends.stack import Running
from amends.stack.client import AirflowUser
from amends.workflow.narrate import narrate
from mlflow_store import quiet
from waiting import until

pytestmark = [pytest.mark.stack, *quiet]


class Story:
    """The walk up to the pending approvals, and what the tests of this module go on from."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.incident = walk.to_the_approvals()
        self.people = {
            name: AirflowUser(walk.running.airflow_url, name, walk.running.users[name])
            for name in (*REVIEWERS, "operator")
        }

    def kinds(self) -> list[EventKind]:
        """What the ledger holds of the incident, in order."""
        return [event.kind for event in self.walk.ledger.events(incident=self.incident)]

    def tasks(self, run: str) -> dict[str, str]:
        """The waiting question of each role's reviewer."""
        waiting = self.walk.operator.questions(RESPONSE, run)
        named = {one["task_instance"]["task_id"] for one in waiting}
        return {
            person: task
            for person, role in REVIEWERS.items()
            for task in named
            if task.endswith(f"approve_{role.replace('-', '_')}")
        }

    def approve(self, run: str, person: str, task: str) -> int:
        """One reviewer approves; Airflow's status code."""
        return self.people[person].answer(RESPONSE, run, task, "Approve", RATIONALE)[0]


@pytest.fixture(scope="module")
def story(stack: Running) -> Story:
    """Walk to the approvals once for this module."""
    lines: list[str] = []
    return Story(Walk(stack, Teller(say=lines.append)))


def test_the_bad_release_is_contained_before_anybody_is_asked(story: Story) -> None:
    """Evidence, decision, rollback, reproduction, candidate, validation, question: in this order."""
    walked = [kind for kind in story.kinds() if kind in ORDER]
    assert walked == ORDER
    assert story.walk.shop.registry.aliased("lending") == "1"


ORDER = [
    EventKind.INCIDENT_OPENED,
    EventKind.EVIDENCE_FROZEN,
    EventKind.DECISION_MADE,
    EventKind.CONTAINED,
    EventKind.REPRODUCED,
    EventKind.CANDIDATE_REGISTERED,
    EventKind.CANDIDATE_VALIDATED,
    EventKind.APPROVAL_REQUESTED,
]


def test_a_reviewer_reads_the_evidence_in_the_question(story: Story) -> None:
    """The page says what happened, compares the versions and carries the digest that binds the answer."""
    waiting = story.walk.operator.questions(RESPONSE, story.incident)
    assert len(waiting) == 3
    for question in waiting:
        body = question["body"]
        assert "What happened" in body
        assert "What you are asked" in body
        assert "evidence:sha256:" in body


def test_nobody_answers_for_another_role(story: Story) -> None:
    """Legal's question is refused to data science and to the operator."""
    tasks = story.tasks(story.incident)
    assert story.approve(story.incident, "dana", tasks["lena"]) == 403
    assert story.approve(story.incident, "operator", tasks["lena"]) == 403


def test_a_reviewer_cannot_set_a_task_to_success(story: Story) -> None:
    """The reviewers' role answers questions and nothing else."""
    task = story.tasks(story.incident)["lena"]
    path = f"/dags/{RESPONSE}/dagRuns/{story.incident}/taskInstances/{task}"
    assert story.people["dana"].call("PATCH", path, {"new_state": "success"})[0] == 403


def test_a_task_set_to_success_by_hand_promotes_nothing(story: Story) -> None:
    """Two real approvals and one state set by hand: a red run, the same champion, a reason on record."""
    tasks = story.tasks(story.incident)
    time.sleep(SETTLE)
    assert [story.approve(story.incident, name, tasks[name]) for name in ("dana", "petra")] == [200, 200]
    path = f"/dags/{RESPONSE}/dagRuns/{story.incident}/taskInstances/{tasks['lena']}"
    assert story.people["operator"].call("PATCH", path, {"new_state": "success"})[0] == 200
    operator = story.walk.operator
    assert (
        until(
            lambda: (
                operator.run_state(RESPONSE, story.incident) in {"success", "failed"}
                and operator.run_state(RESPONSE, story.incident)
            ),
            "the end of the run",
        )
        == "failed"
    )
    refused = story.walk.ledger.events(incident=story.incident, kinds=[EventKind.PROMOTION_REFUSED])
    assert "set by hand" in " ".join(refused[-1].payload["reasons"])
    assert story.walk.shop.registry.aliased("lending") == "1"
    champion = story.walk.ledger.champion("lending")
    assert champion is not None
    assert champion.version == "1"


def test_an_operator_asks_again_and_three_people_promote(story: Story) -> None:
    """A new run by the form: fresh questions, three named answers, a new champion in MLflow too."""
    conf = {
        "model": "lending",
        "incident": story.incident,
        "dry_run": False,
        "reason": "ask again: a state was set by hand",
    }
    code, run = story.people["operator"].call(
        "POST", f"/dags/{RESPONSE}/dagRuns", {"logical_date": None, "conf": conf}
    )
    assert code == 200, run
    tasks = until(
        lambda: len(story.tasks(run["dag_run_id"])) == len(REVIEWERS) and story.tasks(run["dag_run_id"]),
        "three questions",
    )
    time.sleep(SETTLE)
    assert {story.approve(run["dag_run_id"], *pair) for pair in tasks.items()} == {200}
    until(lambda: EventKind.PROMOTION_COMPLETED in story.kinds()[-4:], "the promotion")
    assert story.walk.shop.registry.aliased("lending") == "3"
    until(
        lambda: story.walk.operator.run_state(RESPONSE, run["dag_run_id"]) == "success", "the end of the run"
    )


def test_the_next_window_shows_recovery_and_closes_the_incident(story: Story) -> None:
    """The promoted version serves; the watch measures its window and closes."""
    closed = story.walk.recovered()
    recovered = story.walk.ledger.events(incident=story.incident, kinds=[EventKind.RECOVERED])[-1]
    assert closed.incident == story.incident
    assert recovered.payload["version"] == "3"
    bad, good = (numbers_of(story, period) for period in (lending.BAD, lending.RECOVERED))
    assert good["auc"] > bad["auc"] + 0.1
    assert good["selection_rate_ratio[sex]"] > 0.8 > bad["selection_rate_ratio[sex]"]


def numbers_of(story: Story, period: lending.Period) -> dict[str, float]:
    """Headline of a period's assessment."""
    events = story.walk.ledger.events(model="lending", kinds=[EventKind.WINDOW_ASSESSED])
    start = period.start.isoformat()
    found = next(event for event in events if event.payload["window"]["start"] == start)
    return dict(found.payload["headline"])


def test_a_second_delivery_of_the_bad_window_opens_nothing(story: Story) -> None:
    """The mailbox holds the batch once more: it is settled again, and no incident or run is new."""
    import psycopg

    ledger = story.walk.ledger
    before = len(ledger.events(model="lending", kinds=[EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED]))
    with psycopg.connect(story.walk.running.owner_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE amends.outbox SET settled_at = NULL WHERE topic = 'batch' AND key LIKE %s",
            [f"lending~{lending.BAD.start:%Y%m%d}%"],
        )
        connection.execute("NOTIFY amends_outbox")
    assert ledger.pending("batch")
    code, _ = story.people["operator"].call(
        "POST", "/dags/monitor_lending/dagRuns", {"logical_date": None, "conf": {}}
    )
    assert code == 200
    until(lambda: not ledger.pending("batch"), "the second delivery's settling")
    after = len(ledger.events(model="lending", kinds=[EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED]))
    assert after == before


def test_the_ledger_holds_and_the_story_names_people_numbers_and_reasons(story: Story) -> None:
    """The chain is intact; the narrative tells who approved, what moved, and why."""
    assert story.walk.ledger.verify().intact
    told = narrate(story.walk.ledger, story.incident)
    for word in ("dana", "petra", "lena", "set by hand", "**contained**", "**recovered**", "**closed**"):
        assert word in told
