"""What a look at a trial takes in, and how the trial ends by itself."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amends.adapters.parquet import ParquetWindows
from amends.domain.events import EventKind, NewEvent
from amends.domain.spec import Source
from amends.domain.window import Window
from amends.errors import DataError, Refused, Unavailable
from amends.measures.trial_rows import shadow_spec
from amends.measures.trials import State
from amends.workflow import trial
from amends.workflow.trial_scoring import Scored, running_trial
from fakes import FakeTransaction
from trial_story import SPEC, shadowed, week


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


def test_a_state_survives_json() -> None:
    """What a look reads from the ledger is what the look before it wrote, to the last bit."""
    lender = shadowed("2", **{"trial.most_windows": 50})
    lender.serves(0)
    trial.look(lender.services, SPEC)
    stored = lender.trials(EventKind.TRIAL_LOOKED)[0].payload["state"]
    assert State.from_document(json.loads(json.dumps(stored))).document() == stored


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


@pytest.mark.parametrize("then", ["moved", "stopped"])
def test_an_abort_that_a_look_has_shown_is_not_lost(then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look died before it ended the trial; a moved champion or a person's stop does not wash it off."""
    lender = shadowed("2")
    lender.serves(0)
    with monkeypatch.context() as patch:
        patch.setattr(trial, "judge", lambda *_: None)
        trial.look(lender.services, SPEC)
    if then == "moved":
        lender.moves("3", epoch=1)
        ended = trial.look(lender.services, SPEC)
    else:
        ended = trial.stop(lender.services, SPEC, reason="let us not see", actor="ada")
    assert ended is not None
    assert ended["outcome"] == "aborted"
