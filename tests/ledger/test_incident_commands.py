"""`amends explain`, `replay`, `report` and `close` on a real ledger that holds a real assessment."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amends.adapters.evidently import EvidentlyReporter
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.adapters.postgres import PostgresLedger
from amends.adapters.validation_page import validation_page
from amends.cli import run
from amends.demo import lending
from amends.domain.events import EventKind
from amends.domain.policy import policy_from_document
from amends.domain.validation import Validation
from amends.domain.window import Window
from amends.errors import LedgerError
from amends.ports import Services
from amends.stack.identity import Identity
from amends.workflow import monitor, opening, respond
from amends.workflow.replay import replay
from demo_log import SPEC, demo_log
from fake_registry import FakeRegistry
from fake_source import FakeSource
from stack_home import stack

WINDOW = Window(SPEC.name, lending.BAD.start, lending.BAD.end)


@pytest.fixture(scope="module")
def house(pg_server: str, pg_template: str) -> tuple[Services, str, str]:
    """A ledger in which the bad window was assessed, drawn, opened and decided; its DSN and the incident."""
    from conftest import _create

    dsn = _create(pg_server, "amends_commands", pg_template)
    policy, nothing = load_policy(None), None
    services = Services(
        ledger=PostgresLedger(dsn),
        registry=FakeRegistry(),
        source=FakeSource(pd.concat(demo_log())),
        quality=GreatExpectationsGate(policy),
        fairness=FairlearnMetrics(),
        reporter=EvidentlyReporter(),
        trainer=nothing,  # type: ignore[arg-type]
        imputer=nothing,  # type: ignore[arg-type]
        mitigator=nothing,  # type: ignore[arg-type]
        policy=policy,
    )
    assessment = monitor.assess_window(services, SPEC, WINDOW)
    incident = opening.open_incident(services, SPEC, WINDOW, assessment)
    assert incident is not None
    respond.decide(services, SPEC, incident)
    assert monitor.draw_report(services, SPEC, WINDOW, assessment)
    return services, dsn, incident


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command."""
    code = run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_explain_finds_the_ledger_of_the_stack_that_is_up(
    house: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words as with a name; here the tests' PostgreSQL stands for the stack's."""
    _, dsn, incident = house
    named = said(capsys, "explain", incident, "--dsn", dsn)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMENDS_DSN", raising=False)
    stack(".amends")
    monkeypatch.setattr(Identity, "dsn", lambda *_: dsn)
    assert said(capsys, "explain", incident) == named
    assert named[0] == 0


def test_explain_tells_the_story_with_its_rules(house: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The story names the severity and the rules that fired; its JSON holds the call."""
    _, dsn, incident = house
    code, out, _ = said(capsys, "explain", incident, "--dsn", dsn)
    assert code == 0
    assert "**opened** as SEV" in out
    assert "rule " in out
    document = json.loads(said(capsys, "explain", incident, "--dsn", dsn, "--json")[1])
    assert document["call"]["playbook"] == "rollback"
    assert document["open"] is True


def test_replay_comes_out_the_same(house: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """From stored findings and the stored policy, every decision comes out byte for byte."""
    _, dsn, incident = house
    code, out, _ = said(capsys, "replay", incident, "--dsn", dsn, "--json")
    assert code == 0
    assert json.loads(out) == {"incident": incident, "same": True, "differences": []}


def test_replay_shows_a_decision_that_another_policy_made(house: Any) -> None:
    """A ledger whose policy of the day is swapped for another gives differences, by row."""
    services, _, incident = house

    class Swapped:
        def __getattr__(self, name: str) -> Any:
            return getattr(services.ledger, name)

        def evidence(self, digest: str) -> dict[str, Any]:
            document = services.ledger.evidence(digest)
            if digest != services.policy.digest:
                return document
            other = {**document, "approvals": {**document["approvals"], "SEV1": ["legal"], "SEV2": ["legal"]}}
            policy_from_document(other, "other")
            return other

    differences = replay(Swapped(), incident)  # type: ignore[arg-type]
    assert len(differences) == 1
    assert "the plan differs" in differences[0]


def test_report_writes_the_page(house: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The page that the monitor drew comes out of the ledger as it went in."""
    _, dsn, incident = house
    target = tmp_path / "report.html"
    assert said(capsys, "report", incident, "--dsn", dsn, "--out", str(target))[0] == 0
    assert "Bias: rates by group" in target.read_text(encoding="utf-8")


def test_report_writes_the_page_of_a_validation(
    house: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The best candidate's page and any other's come from the ledger's documents; an unknown one is named."""
    services, dsn, incident = house
    target = tmp_path / "validation.html"
    asked = ("report", incident, "--dsn", dsn, "--out", str(target), "--validation")
    code, _, err = said(capsys, *asked, "best")
    assert (code, "has no validation of 'best'. There are: none yet" in err) == (2, True)

    pages = {number: validated(number) for number in ("7", "8")}
    kept = {number: services.ledger.put_evidence("validation", one) for number, one in pages.items()}
    payload = {
        "candidate": {"version": "8"}, "validation": kept["8"],
        "others": [{"version": "7", "validation": kept["7"]}],
    }  # fmt: skip
    respond.record(services, incident, EventKind.CANDIDATE_VALIDATED, payload, model=SPEC.name)
    for version, number in (("best", "8"), ("8", "8"), ("7", "7")):
        assert said(capsys, *asked, version)[0] == 0
        assert target.read_text(encoding="utf-8") == validation_page(pages[number])
        assert f"sha256:{number}" in target.read_text(encoding="utf-8")
    code, _, err = said(capsys, *asked, "9")
    assert (code, "There are: 7, 8, best" in err) == (2, True)


def validated(version: str) -> dict[str, Any]:
    """The document of a candidate's validation."""
    return Validation(
        model=SPEC.name, code_version="1", policy_name="default", policy_digest="sha256:p",
        reference="sha256:r", champion="sha256:c", candidate="sha256:d", rows=1, labelled=1, findings=(),
        blessed=False, reasons=("nothing was checked",),
        subject={"candidate": {"version": version, "digest": f"sha256:{version}"}},
    ).document()  # fmt: skip


def test_a_page_is_drawn_once(house: Any) -> None:
    """A retried task finds the first page."""
    services, _, incident = house
    found = respond.incident_of(services.ledger, incident)
    first = monitor.draw_report(services, SPEC, WINDOW, found.assessment)
    assert monitor.draw_report(services, SPEC, WINDOW, found.assessment) == first
    assert len(services.ledger.events(kinds=[EventKind.REPORT_DRAWN])) == 1


@pytest.mark.parametrize("command", ["explain", "replay", "report"])
def test_an_unknown_incident_is_bad_input(
    house: Any, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """One line names the incident and where ids are listed; exit code 2."""
    code, _, err = said(capsys, command, "nobody-20260101-00000000", "--dsn", house[1])
    assert code == 2
    assert "nobody-20260101-00000000" in err
    assert "amends.incidents" in err


def test_a_person_closes_with_a_name_and_a_reason(house: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The closing stands in the ledger under the name; nothing more happens to the incident."""
    services, dsn, _ = house
    incident = opening.open_by_hand(
        services, SPEC, day=WINDOW.end, request="r", reason="looked odd", actor="olaf"
    )
    call = ("close", incident, "--dsn", dsn, "--by", "ada", "--reason")
    assert said(capsys, *call, " ")[0] == 2
    code, out, _ = said(capsys, *call, "repaired upstream")
    assert code == 0
    assert "closed by ada" in out
    with pytest.raises(LedgerError, match="after incident"):
        respond.record(services, incident, EventKind.CONTAINED, {}, model=SPEC.name)
