"""A trial of a challenger on live rows: what it is, which version answers a row, and when it is over.

In a *shadow* trial the champion answers everybody and the challenger is scored beside it. In a *canary* the
challenger answers a share of the rows, drawn by a keyed hash of the row's id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from amends.domain.events import Event, EventKind
from amends.domain.promotion import ModelVersion

LARGEST_SHARE = 0.5
"""A canary that answers most people is a promotion by another name."""

KINDS = (EventKind.TRIAL_STARTED, EventKind.TRIAL_LOOKED, EventKind.TRIAL_ENDED)
HASH_BYTES = 8


class Mode(StrEnum):
    """Who is answered by the challenger: nobody, or a share of the rows."""

    SHADOW = "shadow"
    CANARY = "canary"


class Outcome(StrEnum):
    """How a trial ended. Only *passed* speaks for the challenger."""

    PASSED = "passed"
    ABORTED = "aborted"
    INCONCLUSIVE = "inconclusive"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the policy said when the trial started; a trial is judged by that to its end.

    ``brier_rise``: how much worse the challenger's Brier score may be. ``failures``: share of the rows it may
    leave without a usable score. ``gap_rise``: how much a gap in selection rates between two groups of at
    least ``min_group`` rows may widen. ``false_abort``: probability that a challenger within all of these is
    aborted, over all looks together. ``min_rows``: labelled rows before it can pass. ``most_windows``: looks
    before the trial ends without a verdict.
    """

    brier_rise: float
    failures: float
    gap_rise: float
    min_group: float
    false_abort: float
    min_rows: float
    most_windows: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A challenger beside a champion, both pinned by number and content digest.

    ``share``: of the rows, in (0, 1/2] for a canary and 0 for a shadow. ``key``: drawn once, at the start.
    """

    id: str
    model: str
    incident: str
    mode: Mode
    champion: ModelVersion
    challenger: ModelVersion
    share: float
    key: str
    limits: Limits

    def document(self) -> dict[str, Any]:
        """The facts of ``trial_started``."""
        pinned = {
            side: {"version": one.version, "digest": one.digest}
            for side, one in (("champion", self.champion), ("challenger", self.challenger))
        }
        return {
            "trial": self.id, "mode": str(self.mode), "share": self.share, "key": self.key,
            "limits": asdict(self.limits), **pinned,
        }  # fmt: skip


def trial_of(started: Event) -> Trial:
    """Read a trial back from its ``trial_started``."""
    facts = started.payload
    return Trial(
        id=facts["trial"],
        model=started.model,
        incident=str(started.incident),
        mode=Mode(facts["mode"]),
        champion=ModelVersion(model=started.model, **facts["champion"]),
        challenger=ModelVersion(model=started.model, **facts["challenger"]),
        share=facts["share"],
        key=facts["key"],
        limits=Limits(**facts["limits"]),
    )


def running(events: Sequence[Event]) -> Event | None:
    """The ``trial_started`` of a model's trial that has not ended; there is one at most."""
    ended = {event.payload["trial"] for event in events if event.kind is EventKind.TRIAL_ENDED}
    started = [event for event in events if event.kind is EventKind.TRIAL_STARTED]
    return next((event for event in reversed(started) if event.payload["trial"] not in ended), None)


def aborted(ended: Iterable[Event], version: str) -> str | None:
    """Why a version was aborted, by the ``trial_ended`` of its model; None where it never was."""
    facts = (event.payload for event in ended)
    of_version = (one for one in facts if one["version"] == version and one["outcome"] == Outcome.ABORTED)
    return next((f"trial {one['trial']}: {one['reason']}" for one in of_version), None)


def assigned(trial: Trial, row_ids: Iterable[object]) -> list[bool]:
    """Say of each row whether the challenger is to answer it.

    A row is the challenger's where BLAKE2b of its id's text, keyed with the trial's key and read as a number
    in [0, 1), is under the share: the same for an id however often it comes, in whatever batch, and
    independent of everything in the row to whoever does not know the key.
    """
    if not trial.share:
        return [False for _ in row_ids]
    key, bound = bytes.fromhex(trial.key), int(trial.share * (1 << 8 * HASH_BYTES))
    keyed = blake2b(key=key, digest_size=HASH_BYTES)
    return [_hash(keyed, str(one).encode()) < bound for one in row_ids]


def answers(trial: Trial, row_id: object) -> str:
    """Number of the version that is to answer a row."""
    return (trial.challenger if assigned(trial, [row_id])[0] else trial.champion).version


def _hash(keyed: Any, text: bytes) -> int:
    one = keyed.copy()
    one.update(text)
    return int.from_bytes(one.digest(), "big")


def judge(found: Mapping[str, Any], limits: Limits, windows: int) -> tuple[Outcome, str] | None:
    """Say how a trial ends, and why; None where it goes on.

    Aborted where the challenger is surely beyond one of the limits, by the bound of a confidence sequence;
    passed where its scores are surely within the margin and nothing points to another harm: failures and gaps
    are within their limits as they look, too. A pass never outruns an abort.

    :param found: what the last look found (:func:`amends.measures.trials.summary`).
    :param windows: looks so far.
    """
    harm, failures, widest = found["harm"], found["failures"], found["widest"]
    if failures["lower"] > limits.failures:
        return Outcome.ABORTED, (
            f"the challenger left {failures['mean']:.1%} of {failures['rows']} rows without a usable score, "
            f"surely over {failures['lower']:.1%}; {limits.failures:.1%} is tolerated"
        )
    if widest and widest["widening"] > limits.gap_rise:
        return Outcome.ABORTED, (
            f"its decisions widen the gap between {' and '.join(widest['groups'])} by more than "
            f"{widest['widening']:.3f}; {limits.gap_rise:g} is tolerated"
        )
    if harm["lower"] > limits.brier_rise:
        return Outcome.ABORTED, f"{_rise(harm)}, surely over the margin of {limits.brier_rise:g}"
    enough = harm["rows"] >= limits.min_rows
    clean = (failures["mean"] or 0) <= limits.failures and (found["gap"] or 0) <= limits.gap_rise
    if enough and clean and harm["upper"] < limits.brier_rise:
        return Outcome.PASSED, f"{_rise(harm)}, surely under the margin of {limits.brier_rise:g}"
    if windows >= limits.most_windows:
        return Outcome.INCONCLUSIVE, (
            f"{windows} windows with {harm['rows']} labelled rows decided nothing"
            + (f": {_rise(harm)}" if harm["rows"] else "")
        )
    return None


def _rise(harm: Mapping[str, Any]) -> str:
    return (
        f"the Brier score rises by {harm['mean']:.4f} ({harm['lower']:.4f} to {harm['upper']:.4f}, "
        f"{harm['rows']} rows)"
    )
