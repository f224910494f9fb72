"""Trials of a challenger: who answers, what a look takes in, when a trial may start and how it ends."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amends.adapters.parquet import ParquetWindows
from amends.domain.approval import Answer
from amends.domain.events import EventKind, NewEvent
from amends.domain.narrative import narrative
from amends.domain.promotion import ModelVersion
from amends.domain.spec import Source
from amends.domain.trial import Limits, Mode, Outcome, Trial, answers, assigned, judge
from amends.domain.window import Window
from amends.errors import BadInput, DataError, PolicyError, Refused, SpecError, Unavailable
from amends.measures.trial_rows import TrialRows, shadow_spec
from amends.measures.trials import State, begin, fold, summary
from amends.workflow import approve, trial
from amends.workflow.trial_scoring import Scored, running_trial
from amends.workflow.trial_start import start
from amends.workflow.verified import known_bad
from fakes import FakeTransaction
from scipy import stats
from trial_story import INCIDENT, SPEC, Lender, week

LIMITS = Limits(
    brier_rise=0.02,
    failures=0.01,
    gap_rise=0.05,
    min_group=100,
    false_abort=0.01,
    min_rows=1000,
    most_windows=3,
)
KEY = "9f" * 32


def pinned(number: str) -> ModelVersion:
    """A version of the lender's."""
    return ModelVersion(model="lending", version=number, digest=f"sha256:{number}")


def canary(share: float, key: str = KEY) -> Trial:
    """A canary of version 2 beside version 1."""
    return Trial(
        id="t", model="lending", incident=INCIDENT, mode=Mode.CANARY, champion=pinned("1"),
        challenger=pinned("2"), share=share, key=key, limits=LIMITS,
    )  # fmt: skip


def test_the_assignment_is_uniform_on_every_share() -> None:
    """100 000 ids in twentieths of all: a chi-square test does not tell them from chance."""
    ids = range(100_000)
    shares = [number / 20 for number in range(1, 11)]
    cumulated = [sum(assigned(canary(share), ids)) for share in shares]
    counts = [*np.diff([0, *cumulated]), 100_000 - cumulated[-1]]
    expected = [5000] * 10 + [50_000]
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_an_id_is_answered_alike_however_it_comes_and_otherwise_under_another_key() -> None:
    """Alone, in a batch, as a number or as its text: one version; two keys agree by chance alone."""
    one = canary(0.5)
    batch = assigned(one, range(1000))
    assert [answers(one, str(row)) == "2" for row in range(1000)] == batch
    other = assigned(canary(0.5, "ab" * 32), range(1000))
    same = sum(a == b for a, b in zip(batch, other, strict=True))
    assert abs(same - 500) < 4 * np.sqrt(250)


def test_a_growing_share_keeps_the_people_it_had() -> None:
    """Whoever the challenger answers at a tenth, it answers at a third."""
    few, more = (np.array(assigned(canary(share), range(5000))) for share in (0.1, 0.33))
    assert (more | ~few).all()


def test_the_assignment_does_not_follow_the_rows() -> None:
    """Ids that tell sex by their parity are assigned alike: a chi-square test on the 2 x 2 table."""
    drawn = np.array(assigned(canary(0.3), range(20_000)))
    table = [[drawn[side::2].sum(), (~drawn[side::2]).sum()] for side in (0, 1)]
    assert stats.chi2_contingency(table).pvalue > 0.001


@pytest.mark.parametrize(
    ("found", "windows", "outcome"),
    [
        ({"harm": (0.05, 0.03, 0.07, 900)}, 1, Outcome.ABORTED),
        ({"harm": (0.05, 0.019, 0.07, 900)}, 1, None),
        ({"harm": (0.0, -0.01, 0.019, 1000)}, 1, Outcome.PASSED),
        ({"harm": (0.0, -0.01, 0.019, 999)}, 1, None),
        ({"harm": (0.0, -0.01, 0.019, 999)}, 3, Outcome.INCONCLUSIVE),
        ({"harm": (None, -1, 1, 0)}, 3, Outcome.INCONCLUSIVE),
        ({"failures": (0.03, 0.011, 0.05, 900)}, 1, Outcome.ABORTED),
        ({"harm": (0.0, -0.01, 0.01, 5000), "failures": (0.02, 0.005, 0.05, 900)}, 1, None),
        ({"harm": (0.0, -0.01, 0.01, 5000), "failures": (0.03, 0.02, 0.05, 900)}, 1, Outcome.ABORTED),
        ({"harm": (0.0, -0.01, 0.01, 5000), "gap": 0.06}, 1, None),
        ({"harm": (0.0, -0.01, 0.01, 5000), "gap": 0.04}, 1, Outcome.PASSED),
        ({"widest": 0.051}, 1, Outcome.ABORTED),
        ({"widest": 0.049}, 1, None),
    ],
)  # fmt: skip
def test_a_trial_ends_by_its_limits(found: dict[str, Any], windows: int, outcome: Outcome | None) -> None:
    """Surely beyond a limit aborts, surely within the margin on enough rows passes, too long is neither."""
    names = ("mean", "lower", "upper", "rows")
    facts = {"harm": (0.0, -0.1, 0.1, 500), "failures": (0.0, 0.0, 0.01, 500), **found}
    widest, seen = facts.pop("widest", None), facts.pop("gap", None)
    read = {name: dict(zip(names, values, strict=True)) for name, values in facts.items()}
    gap = {"groups": ["sex=f", "sex=m"], "widening": widest} if widest else None
    verdict = judge({**read, "widest": gap, "gap": seen}, LIMITS, windows)
    assert (verdict[0] if verdict else None) == outcome


def shadowed(candidate: str, **limits: float) -> Lender:
    """A shadow trial of a version has begun."""
    lender = Lender(limits=limits).opens(candidate)
    start(lender.services, SPEC, INCIDENT, "shadow", actor="ada")
    return lender


def test_the_challengers_mean_harm_is_the_difference_of_the_brier_scores() -> None:
    """What a look says of the mean equals the two Brier scores computed from the two logs by hand."""
    lender = shadowed("2", **{"trial.most_windows": 50})
    scored = lender.serves(0)
    trial.look(lender.services, SPEC)
    looked = lender.trials(EventKind.TRIAL_LOOKED)[0].payload["found"]
    assert scored.shadow is not None
    both = scored.log.merge(scored.shadow, on="application_id", suffixes=("", "_other"))
    briers = [((both[name] - both["repaid"]) ** 2).mean() for name in ("score_other", "score")]
    assert looked["harm"]["mean"] == pytest.approx(briers[0] - briers[1])
    assert looked["harm"]["rows"] == len(both) == week(0).rows
    assert looked["agreement"] == pytest.approx((both["approved"] == both["approved_other"]).mean())


def test_a_challenger_without_numbers_is_aborted_and_the_champion_answers() -> None:
    """Half of its scores are none: nobody notices but the trial."""
    lender = shadowed("4")
    answered = lender.serves(0)
    ended = trial.look(lender.services, SPEC)
    assert answered.log["score"].notna().all()
    assert ended is not None
    assert ended["outcome"] == "aborted"
    assert "50.0% of 2002 rows" in ended["reason"]


def test_a_challenger_that_cannot_be_loaded_is_aborted_and_the_champion_answers() -> None:
    """Its artefact was altered: every row is its failure, and the batch is served."""
    lender = shadowed("3")
    lender.registry.alter(SPEC.name, "3")
    assert len(lender.serves(0).log) == week(0).rows
    ended = trial.look(lender.services, SPEC)
    assert ended is not None
    assert (ended["outcome"], ended["found"]["failures"]["mean"]) == ("aborted", 1.0)


def test_decisions_that_turn_one_group_down_are_aborted_without_labels() -> None:
    """No outcome is known yet, but women are no longer selected: the gap surely widened."""
    lender = shadowed("3")

    def biased(one: Scored) -> Scored:
        assert one.shadow is not None
        women = (one.log["sex"] == "female").to_numpy()
        refused = one.shadow["approved"].mask(women & (np.arange(len(women)) % 2 == 0), 0)
        return Scored(one.log.assign(repaid=np.nan), one.shadow.assign(approved=refused))

    lender.serves(0, change=biased)
    lender.serves(1, change=biased)
    ended = trial.look(lender.services, SPEC)
    assert ended is not None
    assert ended["outcome"] == "aborted"
    assert "sex=female and sex=male" in ended["reason"]
    assert ended["found"]["harm"]["rows"] == 0


def test_a_trial_that_shows_nothing_ends_without_a_verdict() -> None:
    """Serving never offered a row to the challenger: after the policy's number of windows people decide."""
    lender = shadowed("3", **{"trial.most_windows": 2})
    for number in range(2):
        lender.serves(number, change=lambda one: Scored(one.log))
    ended = trial.look(lender.services, SPEC)
    assert ended is not None
    assert (ended["outcome"], ended["windows"], ended["found"]["rows"]) == ("inconclusive", 2, 0)


def test_windows_in_pieces_and_at_once_come_to_the_same() -> None:
    """A look after each week and one look after two: the same events but for their times."""
    often, once = (shadowed("3", **{"trial.min_rows": 1e6}) for _ in range(2))
    for number in range(2):
        for lender in (often, once):
            lender.serves(number)
        trial.look(often.services, SPEC)
    trial.look(once.services, SPEC)
    states = [
        [one.payload["state"] for one in lender.trials(EventKind.TRIAL_LOOKED)] for lender in (often, once)
    ]
    assert len(states[0]) == 2
    assert states[0] == states[1]


@pytest.mark.parametrize("dies_after", [EventKind.TRIAL_LOOKED, EventKind.TRIAL_ENDED])
def test_a_look_that_was_killed_is_finished_by_the_next(
    dies_after: EventKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when it had recorded the look, or the end: the next one adds what is missing, nothing twice."""
    lender, whole = shadowed("2"), shadowed("2")
    for one in (lender, whole):
        one.serves(0)
    trial.look(whole.services, SPEC)
    append = FakeTransaction.append

    class KilledError(Exception):
        """The process is gone."""

    def dies(self: Any, event: Any) -> Any:
        appended = append(self, event)
        if event.kind is dies_after:
            self.ledger.killed = self.ledger.state  # committed, and then the process dies
            raise KilledError
        return appended

    monkeypatch.setattr("fakes.FakeTransaction.append", dies)
    with pytest.raises(KilledError):
        trial.look(lender.services, SPEC)
    monkeypatch.undo()
    lender.ledger.state = lender.ledger.killed  # type: ignore[attr-defined]
    trial.look(lender.services, SPEC)
    assert [one.key for one in lender.trials()] == [one.key for one in whole.trials()]
    assert lender.trials()[-1].payload["outcome"] == "aborted"


def test_rows_are_taken_in_once_although_windows_overlap() -> None:
    """A window that was assessed twice under another length adds only the rows that are new."""
    lender = shadowed("3", **{"trial.min_rows": 1e6})
    lender.serves(0)
    trial.look(lender.services, SPEC)
    longer = Window(SPEC.name, week(0).start, week(1).end)
    lender.serves(1)
    with lender.ledger.transaction(SPEC.name) as transaction:
        last = lender.ledger.events(kinds=[EventKind.WINDOW_ASSESSED])[-1]
        again = {
            "kind": last.kind,
            "model": SPEC.name,
            "key": "longer",
            "payload": {"window": longer.document()},
        }
        transaction.append(NewEvent(**again))
    trial.look(lender.services, SPEC)
    looks = [one.payload for one in lender.trials(EventKind.TRIAL_LOOKED)]
    assert [one["found"]["rows"] for one in looks] == [2002, 4004, 4004]
    assert looks[-1]["unread"] == trial.TAKEN_IN


def test_a_window_that_cannot_be_read_is_told_and_does_not_stop_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Broken rows decide nothing; a database that is away does stop the look, so that it is repeated."""
    lender = shadowed("3")
    lender.serves(0)

    def broken(error: Exception) -> Callable[..., Any]:
        def raises(*_: Any) -> Any:
            raise error

        return raises

    monkeypatch.setattr("fake_source.FakeSource.batches", broken(Unavailable("no database. Start it.")))
    with pytest.raises(Unavailable):
        trial.look(lender.services, SPEC)
    assert lender.trials(EventKind.TRIAL_LOOKED) == []
    monkeypatch.setattr("fake_source.FakeSource.batches", broken(DataError("a bad row. Correct it.")))
    looked = trial.look(lender.services, SPEC)
    assert looked is not None
    assert (looked["unread"], looked["outcome"]) == ("a bad row. Correct it.", None)


def test_a_moved_champion_ends_the_trial_and_serving_leaves_it_at_once() -> None:
    """The comparison was with version 1; when version 3 serves it is about nothing."""
    lender = shadowed("2")
    lender.moves("3", epoch=1)
    assert running_trial(lender.ledger, SPEC.name) is None
    assert set(lender.serves(0).log["model_version"]) == {"3"}
    ended = trial.look(lender.services, SPEC)
    assert ended is not None
    assert (ended["outcome"], ended["reason"]) == ("stopped", "the champion is no longer version 1")


def test_a_closed_incident_ends_its_trial() -> None:
    """What a trial is for is over."""
    lender = shadowed("2")
    lender.tells(EventKind.INCIDENT_CLOSED, {"reason": "by hand"})
    ended = trial.look(lender.services, SPEC)
    assert ended is not None
    assert (ended["outcome"], ended["reason"]) == ("stopped", "the incident was closed")


def test_a_person_stops_a_trial_once() -> None:
    """The name and the reason stand in the ledger; without a trial there is nothing to stop."""
    lender = shadowed("3")
    ended = trial.stop(lender.services, SPEC, reason="not now", actor="ada")
    assert (ended["outcome"], ended["reason"]) == ("stopped", "not now")
    assert lender.trials()[-1].actor == "ada"
    with pytest.raises(Refused, match="no running trial"):
        trial.stop(lender.services, SPEC, reason="again", actor="ada")


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


@pytest.mark.parametrize(
    ("path", "shadow"),
    [
        ("/data/log", "/data/log_shadow"),
        ("/data/log/", "/data/log_shadow"),
        ("/data/log.parquet", "/data/log_shadow.parquet"),
        ("log.parquet", "log_shadow.parquet"),
        ("/data/log/*.parquet", "/data/log_shadow/*.parquet"),
        ("/data.v2/log/day=*/part.parquet", "/data.v2/log_shadow/day=*/part.parquet"),
    ],
)
def test_a_shadow_log_in_files_lies_beside_the_log(path: str, shadow: str) -> None:
    """On a file's stem, on a folder, on the folder that a pattern looks into."""
    spec = replace(SPEC, source=Source(kind="parquet", path=path))
    found = shadow_spec(spec).source
    assert found is not None
    assert found.path == shadow


def test_a_state_survives_json() -> None:
    """What a look reads from the ledger is what the look before it wrote, to the last bit."""
    lender = shadowed("2", **{"trial.most_windows": 50})
    lender.serves(0)
    trial.look(lender.services, SPEC)
    stored = lender.trials(EventKind.TRIAL_LOOKED)[0].payload["state"]
    assert State.from_document(json.loads(json.dumps(stored))).document() == stored


def test_no_rows_change_nothing() -> None:
    """A window without a row leaves the state as it was, and a summary of nothing is finite or null."""
    none = np.zeros(0)
    rows = TrialRows(
        challenger=none.astype(bool), failed=none.astype(bool), loss=none, other_loss=none, chosen=none,
        other_chosen=none, groups={},
    )  # fmt: skip
    state = begin(canary(0.1))
    assert fold(canary(0.1), state, rows) == state
    assert summary(state, LIMITS)["harm"] == {"mean": None, "lower": -10, "upper": 10, "rows": 0}


def test_a_trial_of_a_model_logged_in_files_comes_to_the_same(tmp_path: Path) -> None:
    """The two logs as Parquet files give the look the numbers that they give in memory."""
    lender = shadowed("2", **{"trial.most_windows": 50})
    scored = lender.serves(0)
    assert scored.shadow is not None
    scored.log.to_parquet(tmp_path / "log.parquet")
    scored.shadow.to_parquet(tmp_path / "log_shadow.parquet")
    spec = replace(SPEC, source=Source(kind="parquet", path=str(tmp_path / "log.parquet")))
    beside = shadow_spec(spec).source
    assert beside is not None
    files = replace(
        lender.services, source=ParquetWindows(str(tmp_path / "log.parquet")),
        shadow=ParquetWindows(str(beside.path)),
    )  # fmt: skip
    in_memory, ledger = lender.services, lender.ledger.state  # type: ignore[attr-defined]
    first = trial.look(files, spec)
    lender.ledger.state = ledger  # type: ignore[attr-defined]
    assert first is not None
    assert first == trial.look(in_memory, SPEC)
    assert first["found"]["rows"] == week(0).rows


def test_a_shadow_log_without_its_scores_is_told(tmp_path: Path) -> None:
    """A log that lacks a column decides nothing: the look names the column."""
    lender = shadowed("2")
    scored = lender.serves(0)
    assert scored.shadow is not None
    scored.shadow.drop(columns="score").to_parquet(tmp_path / "log.parquet")
    looked = trial.look(replace(lender.services, shadow=ParquetWindows(tmp_path)), SPEC)
    assert looked is not None
    assert "the shadow log of 'lending' lacks column 'score'" in looked["unread"]
    assert looked["outcome"] is None
