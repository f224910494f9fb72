"""Playbooks are data that is checked, and a step that does not reach its goal takes the others back."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import weeks
import yaml
from amends.adapters.files import load_playbooks, load_policy
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category
from amends.domain.playbook import Playbook, playbook_from_document
from amends.domain.policy import PLAYBOOKS
from amends.errors import ArtefactError, DataError, PolicyError, SpecError, Unavailable
from amends.orchestration.settings import read_books
from amends.workflow import respond
from amends.workflow.play import Outcome, PlaybookRun
from amends.workflow.playbooks import StepKind
from amends.workflow.replay import replay
from fakes import FakeLedger
from lending import lending_spec

SPEC = lending_spec()
INCIDENT = "small_lending-20260301-0a1b2c3d"
DOCUMENT: dict[str, Any] = {
    "schema_version": 1, "name": "unplug", "does": "Takes a toy apart.", "owner": "toys",
    "nist": ["MANAGE 2.4"], "review_by": "2027-02-24",
    "steps": [
        {"step": "one", "uses": "first", "minutes": 1, "options": {"colour": "red"}},
        {"step": "two", "uses": "second", "minutes": 1},
        {"step": "three", "uses": "third", "minutes": 1},
    ],
    "success": ["it lies in parts"], "postmortem": ["Why?"],
}  # fmt: skip
PLAYBOOK = playbook_from_document(DOCUMENT, "unplug.yaml")


class Toy:
    """Steps that remember what was done to them."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.unmet = ""
        self.error: Exception | None = None
        call: Any = {"category": "performance", "categories": ["performance"], "severity": "SEV3",
                     "playbook": "retrain", "playbooks": ["retrain"], "because": ["x"]}  # fmt: skip
        self.ledger = FakeLedger()
        self.services: Any = SimpleNamespace(ledger=self.ledger)
        with self.ledger.transaction(SPEC.name) as transaction:
            transaction.append(
                NewEvent(kind=EventKind.INCIDENT_OPENED, key="opened", model=SPEC.name, incident=INCIDENT,
                         payload={"window": None, "assessment": "sha256:1", "call": call})
            )  # fmt: skip

    @property
    def house(self) -> dict[str, StepKind]:
        """Three steps; the third is unmet or fails as the test says."""

        def kind(name: str, *, last: bool = False) -> StepKind:
            def run(_: Any, __: Any, ___: str, options: Any) -> dict[str, Any]:
                if last and self.error:
                    raise self.error
                self.did.append(f"{name} {dict(options)}")
                return {"made": name}

            return StepKind(
                does=name, way_back=f"without {name}", run=run,
                undo=lambda _, __, ___, facts: self.did.append(f"undo {facts['made']}"),
                unmet=lambda _: self.unmet if last else "",
            )  # fmt: skip

        return {"first": kind("first"), "second": kind("second"), "third": kind("third", last=True)}

    def run(self, step: str, playbook: Playbook = PLAYBOOK, **house: StepKind) -> Outcome:
        """Run one step, with other steps in the house where the test gives some."""
        return PlaybookRun(
            services=self.services, spec=SPEC, incident=INCIDENT, playbook=playbook,
            house={**self.house, **house},
        ).run(step)  # fmt: skip

    def kinds(self) -> list[str]:
        """What the ledger says, in order, after the opening."""
        return [str(event.kind) for event in self.ledger.events(incident=INCIDENT)][1:]


def test_every_playbook_of_the_policy_has_a_file() -> None:
    """The decision table can ask for no playbook that nobody wrote, and no file lacks a rule's name."""
    assert set(load_playbooks()) == set(PLAYBOOKS)
    policy = load_policy(None)
    assert {name for rule in policy.rules for name in rule.run} <= set(load_playbooks())


def test_a_team_adds_and_replaces_playbooks_by_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a team's own adds a playbook, and takes the place of one of the house by its name."""
    own = {**DOCUMENT, "steps": [{"step": "one", "uses": "hand_to_people", "minutes": 2}]}
    (tmp_path / "unplug.yaml").write_text(yaml.safe_dump(own))
    (tmp_path / "observe.yaml").write_text(yaml.safe_dump({**own, "name": "observe"}))
    (tmp_path / "broken.yaml").write_text("- no playbook")
    (tmp_path / "flying.yaml").write_text(yaml.safe_dump({**DOCUMENT, "name": "flying"}))
    monkeypatch.setenv("AMENDS_PLAYBOOKS", str(tmp_path))
    books = read_books()
    assert set(books.playbooks) == {*PLAYBOOKS, "unplug"}
    assert books.playbooks["observe"].owner == "toys"
    assert [line.split(":")[0] for line in books.problems] == ["broken.yaml", "flying.yaml"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"owners": "x"}, "unknown key 'owners'. Did you mean 'owner'?"),
        ({"owner": None}, "owner is None; write a text"),
        ({"schema_version": 2}, "schema_version is 2"),
        ({"steps": []}, "steps is empty"),
        ({"steps": [DOCUMENT["steps"][0]] * 2}, "step 'one' stands twice"),
        ({"steps": [{"step": "one", "uses": "first"}]}, "key 'steps.minutes' is missing"),
        (
            {"steps": [{"step": "one", "uses": "rm -rf", "minutes": 1}]},
            "a step's name, or package.module:NAME",
        ),
        ({"nist": ["manage 2"]}, "write a subcategory such as 'MANAGE 2.4'"),
        ({"review_by": "soon"}, "an ISO 8601 time"),
        ({"success": []}, "success is empty"),
        ({"postmortem": []}, "postmortem is empty"),
    ],
)
def test_a_wrong_playbook_is_refused_with_the_way_out(change: dict[str, Any], said: str) -> None:
    """What is wrong is named with the file, the place and what to write."""
    with pytest.raises(PolicyError) as error:
        playbook_from_document({**DOCUMENT, **change}, "unplug.yaml")
    assert str(error.value).startswith("unplug.yaml: ")
    assert said in str(error.value)


def test_steps_run_once_with_their_options() -> None:
    """A retried step returns the first attempt's facts and does nothing again."""
    toy = Toy()
    assert [toy.run("one").facts, toy.run("one").facts] == [{"made": "first"}] * 2
    assert toy.did == ["first {'colour': 'red'}"]
    assert toy.kinds() == ["step_done"]


def test_an_unmet_criterion_takes_back_what_was_done_last_first() -> None:
    """Each done step is undone once; the playbook's later steps don't run any more."""
    toy = Toy()
    toy.unmet = "no part came off"
    outcomes = [toy.run(step).ended for step in ("one", "two", "three", "three")]
    assert outcomes == ["", "", "no part came off", "no part came off"]
    assert toy.did[-3:] == ["undo third", "undo second", "undo first"]
    assert toy.kinds()[-4:] == ["step_taken_back"] * 3 + ["playbook_failed"]
    assert toy.ledger.events(incident=INCIDENT)[-1].payload["taken_back"] == ["three", "two", "one"]
    assert toy.run("one").ended == "no part came off"


@pytest.mark.parametrize(
    "no", [DataError("no rows. Wait."), SpecError("no training section. Add it."), ArtefactError("altered.")]
)
def test_a_step_that_cannot_be_done_here_is_a_recorded_no(no: Exception) -> None:
    """Too few rows, no training function: the others are taken back, and the reason is kept."""
    toy = Toy()
    toy.error = no
    toy.run("one")
    assert toy.run("three").ended == str(no)
    assert toy.did == ["first {'colour': 'red'}", "undo first"]


def test_a_step_that_breaks_is_an_error_and_no_answer() -> None:
    """What nobody foresaw shows red; nothing is recorded as done."""
    toy = Toy()
    toy.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        toy.run("three")
    assert toy.kinds() == []


def test_a_service_that_is_away_takes_nothing_back() -> None:
    """The task tries again and finds the steps before it done."""
    toy = Toy()
    toy.error = Unavailable("MLflow does not answer. Start it.")
    toy.run("one")
    with pytest.raises(Unavailable):
        toy.run("three")
    toy.error = None
    assert toy.run("three").facts == {"made": "third"}
    assert toy.kinds() == ["step_done", "step_done"]


def test_an_interrupted_way_back_goes_on_where_it_stopped() -> None:
    """What was taken back before is not taken back twice."""
    toy = Toy()
    toy.unmet = "no part came off"
    toy.run("one")
    with pytest.raises(Unavailable):
        toy.run("three", first=StepKind(does="", way_back="", run=toy.house["first"].run, undo=_away))
    assert "playbook_failed" not in toy.kinds()
    assert toy.run("three").ended == "no part came off"
    assert toy.did.count("undo third") == 1
    assert toy.did.count("undo first") == 1


def _away(*_: Any) -> None:
    raise Unavailable("MLflow does not answer. Start it.")


@pytest.mark.parametrize(
    ("uses", "said"),
    [
        ("fly", "which the house has not"),
        ("acme.toys:FLY", "which is not there"),
        ("json:dumps", "is no StepKind"),
    ],
)
def test_a_step_that_nobody_wrote_is_refused(uses: str, said: str) -> None:
    """The step, what it asked for, and the way out."""
    steps = [{"step": "one", "uses": uses, "minutes": 1}]
    playbook = playbook_from_document({**DOCUMENT, "steps": steps}, "unplug.yaml")
    toy = Toy()
    with pytest.raises(PolicyError, match=said):
        toy.run("one", playbook)
    assert toy.kinds() == []


def test_what_an_operator_chose_is_replayed_although_the_house_has_no_such_playbook() -> None:
    """The ledger says that a team's own playbook was there then: the plan comes out the same."""
    house = weeks.services()
    incident = weeks.seen(house, 0, Category.PERFORMANCE)
    assert incident is not None
    respond.decide(
        house, weeks.SPEC, incident, action="warn_desk", actor="ada", known=(*PLAYBOOKS, "warn_desk")
    )
    assert replay(house.ledger, incident) == []
