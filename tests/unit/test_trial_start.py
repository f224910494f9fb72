"""When a trial may start, what it means for a promotion, and how people read of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from amends.domain.approval import Answer
from amends.domain.events import EventKind
from amends.domain.narrative import narrative
from amends.errors import BadInput, PolicyError, Refused, SpecError
from amends.workflow import approve, trial
from amends.workflow.trial_start import start
from amends.workflow.verified import known_bad
from trial_story import INCIDENT, SPEC, Lender, shadowed


def test_starting_again_finds_the_running_trial_with_its_key() -> None:
    """A retry changes nothing; another mode is refused while one runs."""
    lender = Lender().opens("3")
    keys = iter(["aa" * 32, "bb" * 32])
    first, again = (
        start(lender.services, SPEC, INCIDENT, "shadow", actor="ada", draw=lambda: next(keys))
        for _ in range(2)
    )
    assert first == again
    assert first.key == "aa" * 32
    lender.approved()
    with pytest.raises(Refused, match="is running"):
        start(lender.services, SPEC, INCIDENT, "canary", actor="ada")


def _unblessed() -> Lender:
    return Lender().opens("2", blessed=False)


def _moved() -> Lender:
    lender = Lender().opens("2")
    lender.moves("3", epoch=1)
    return lender


def _closed() -> Lender:
    lender = Lender().opens("2")
    lender.tells(EventKind.INCIDENT_CLOSED, {"reason": "by hand"})
    return lender


def _aborted() -> Lender:
    lender = shadowed("2")
    lender.serves(0)
    trial.look(lender.services, SPEC)
    return lender


def _exchanged() -> Lender:
    lender = Lender().opens("2")
    pair = lender.registry.stored[SPEC.name][1]
    lender.registry.stored[SPEC.name][1] = (replace(pair[0], digest="sha256:other"), pair[1])
    return lender


@pytest.mark.parametrize(
    ("lender", "why"),
    [
        (_unblessed, "did not bless version 2"),
        (_moved, "the champion moved since the validation"),
        (_closed, "it is closed"),
        (_aborted, "was aborted before"),
        (_exchanged, "no longer holds what was validated"),
    ],
)
def test_a_candidate_that_is_not_fit_is_not_tried(lender: Callable[[], Lender], why: str) -> None:
    """Only a blessed candidate, against the champion it was validated against, and none that was aborted."""
    with pytest.raises(Refused, match=why):
        start(lender().services, SPEC, INCIDENT, "shadow", actor="ada")


@pytest.mark.parametrize(
    ("mode", "share", "limits", "error"),
    [
        ("mirror", None, {}, BadInput),
        ("shadow", 0.1, {}, BadInput),
        ("canary", 0.51, {}, BadInput),
        ("canary", 0.0, {}, BadInput),
        ("canary", float("nan"), {}, BadInput),
        ("shadow", None, {"trial.false_abort": 0}, PolicyError),
        ("shadow", None, {"trial.false_abort": 1}, PolicyError),
    ],
)
def test_a_bad_request_is_refused_in_one_line(
    mode: str, share: float | None, limits: dict[str, float], error: type[Exception]
) -> None:
    """Unknown modes, shares that are none, limits that are no probability."""
    lender = Lender(limits=limits).opens("2")
    with pytest.raises(error) as told:
        start(lender.services, SPEC, INCIDENT, mode, share, actor="ada")
    assert "\n" not in str(told.value)


def test_a_model_without_versions_in_its_log_has_no_trial() -> None:
    """Nobody could say who answered."""
    columns = replace(SPEC.columns, model_version=None)
    with pytest.raises(SpecError, match="model_version"):
        start(Lender().opens("2").services, replace(SPEC, columns=columns), INCIDENT, "shadow", actor="ada")


def test_a_canary_needs_what_a_promotion_needs_or_the_policys_word() -> None:
    """Unasked, rejected and over the allowed share it is refused; approved or allowed it runs."""
    with pytest.raises(Refused, match="nobody was asked"):
        start(Lender().opens("2").services, SPEC, INCIDENT, "canary", actor="ada")
    rejected = Lender().opens("2")
    rejected.approved(rejects="product")
    with pytest.raises(Refused, match="product: petra rejected"):
        start(rejected.services, SPEC, INCIDENT, "canary", actor="ada")
    allowed = Lender(limits={"trial.unapproved_share": 0.05}).opens("2")
    with pytest.raises(Refused, match="nobody was asked"):
        start(allowed.services, SPEC, INCIDENT, "canary", 0.06, actor="ada")
    approved = Lender().opens("2")
    approved.approved()
    assert start(allowed.services, SPEC, INCIDENT, "canary", 0.05, actor="ada").share == 0.05
    assert start(approved.services, SPEC, INCIDENT, "canary", actor="ada").share == 0.05
    told = approved.trials()[0].payload["authority"]
    assert told == "approved by every role that the policy names"


def test_an_aborted_candidate_is_known_bad_and_not_promoted() -> None:
    """Everybody approved it, and live rows spoke against it: it stays out, also of rollbacks."""
    lender = _aborted()
    lender.approved()
    given = [
        replace_request(event.payload) for event in lender.ledger.events(kinds=[EventKind.APPROVAL_ANSWERED])
    ]
    said = approve.promote_candidate(lender.services, SPEC, INCIDENT, given)
    assert not said["promoted"]
    assert "aborted on live rows" in " ".join(said["reasons"])
    assert "2" in known_bad(lender.ledger, SPEC.name, INCIDENT)


def replace_request(facts: dict[str, Any]) -> Any:
    """An answer as Airflow has it."""
    return Answer.from_document({name: value for name, value in facts.items() if name != "requested"})


def test_the_story_tells_the_start_the_last_look_and_the_end() -> None:
    """Of two looks only the last one is told; the key is in no sentence."""
    lender = shadowed("3", **{"trial.min_rows": 3000})
    for number in range(2):
        lender.serves(number)
    trial.look(lender.services, SPEC)
    text = narrative(lender.ledger.events(incident=INCIDENT))
    assert text.count("trial **looked**") == 1
    assert "looked** at 4004 rows" in text
    assert "version `3` is scored beside champion `1`, which answers everybody" in text
    assert "trial of version `3` **ended: passed**" in text
    assert lender.trials()[0].payload["key"] not in text


def test_the_reviewer_reads_how_the_trial_went() -> None:
    """The request for approval has a line on it, while the trial runs and when it has ended."""
    lender = shadowed("3", **{"trial.min_rows": 2000})
    lender.tells(
        EventKind.DECISION_MADE,
        {
            "roles": ["product"],
            "run": ["retrain"],
            "because": [],
            "contain": False,
            "makes_version": True,
            "policy": "sha256:p",
        },
    )
    body = approve.request_approvals(lender.services, SPEC, INCIDENT, link="http://x/runs/1")["body"]
    assert "**Tried on live rows** (beside the champion): still running." in body
    lender.serves(0)
    trial.look(lender.services, SPEC)
    body = approve.request_approvals(lender.services, SPEC, INCIDENT, link="http://x/runs/2")["body"]
    assert "**Tried on live rows** (beside the champion): passed. `the Brier score rises by" in body


def test_the_reviewer_reads_that_a_trial_was_not_the_first() -> None:
    """Who stops and starts until a trial passes is seen doing it."""
    lender = shadowed("3")
    trial.stop(lender.services, SPEC, reason="not yet", actor="ada")
    start(lender.services, SPEC, INCIDENT, "shadow", actor="ada")
    lender.tells(
        EventKind.DECISION_MADE,
        {
            "roles": ["product"], "run": ["retrain"], "because": [], "contain": False, "makes_version": True,
            "policy": "sha256:p",
        },
    )  # fmt: skip
    body = approve.request_approvals(lender.services, SPEC, INCIDENT, link="http://x/runs/1")["body"]
    assert "(beside the champion, trial 2 of this version): still running." in body
