"""How often a whole trial, with all its guards, is wrong: simulated streams whose truth is known."""

import numpy as np
import pytest
from amends.domain.promotion import ModelVersion
from amends.domain.trial import Limits, Mode, Outcome, Trial, judge
from amends.measures.trial_rows import TrialRows
from amends.measures.trials import State, begin, fold, summary

LIMITS = Limits(
    brier_rise=0.02, failures=0.01, gap_rise=0.05, min_group=100, false_abort=0.01, min_rows=1000,
    most_windows=10,
)  # fmt: skip
TRIALS, WINDOW = 300, 400


def beside(mode: Mode) -> Trial:
    """A trial of version 2; a canary answers a fifth of the rows."""
    one, two = (ModelVersion(model="m", version=number, digest=number) for number in "12")
    share = 0.2 if mode is Mode.CANARY else 0.0
    return Trial(
        id="t", model="m", incident="i", mode=mode, champion=one, challenger=two, share=share, key="00" * 32,
        limits=LIMITS,
    )  # fmt: skip


def window(
    draw: np.random.Generator, trial: Trial, *, noise: float, failing: float, women: float
) -> TrialRows:
    """Rows of two versions that see the truth with errors; the challenger turns down some of the women."""
    truth, sex = draw.uniform(0.2, 0.8, WINDOW), draw.integers(0, 2, WINDOW).astype(bool)
    label = (draw.random(WINDOW) < truth).astype(float)
    scores = [np.clip(truth + draw.normal(0, spread, WINDOW), 0, 1) for spread in (0.05, noise)]
    champion, challenger = ((score >= 0.5).astype(float) for score in scores)
    challenger = np.where(sex & (draw.random(WINDOW) < women), 0.0, challenger)
    failed = draw.random(WINDOW) < failing
    losses = [(score - label) ** 2 for score in scores]
    z = draw.random(WINDOW) < trial.share
    takes = z & ~failed
    shadow = trial.mode is Mode.SHADOW
    return TrialRows(
        challenger=z,
        failed=failed if shadow else z & failed,
        loss=np.where(takes, losses[1], losses[0]),
        other_loss=np.where(failed | (not shadow), np.nan, losses[1]),
        chosen=np.where(takes, challenger, champion),
        other_chosen=np.where(failed | (not shadow), np.nan, challenger),
        groups={"sex=f": sex, "sex=m": ~sex},
    )


def ends(mode: Mode, seed: int, trials: int = TRIALS, **truth: float) -> list[Outcome | None]:
    """How trials of the same truth end."""
    draw, trial = np.random.default_rng(seed), beside(mode)
    found: list[Outcome | None] = []
    for _ in range(trials):
        state, verdict = begin(trial), None
        for looks in range(1, int(LIMITS.most_windows) + 1):
            state = fold(trial, state, window(draw, trial, **truth))
            verdict = judge(summary(state, LIMITS), LIMITS, looks)
            if verdict:
                break
        found.append(verdict[0] if verdict else None)
    return found


@pytest.mark.parametrize("mode", list(Mode))
def test_a_challenger_within_the_margins_is_hardly_ever_aborted(mode: Mode) -> None:
    """As good, failing on half of what is tolerated, decisions that differ by chance: at most 1 %."""
    outcomes = ends(mode, 1, noise=0.05, failing=0.005, women=0.0)
    assert outcomes.count(Outcome.ABORTED) <= 0.01 * TRIALS


@pytest.mark.parametrize(
    "truth",
    [
        {"noise": 0.35, "failing": 0.0, "women": 0.0},
        {"noise": 0.05, "failing": 0.05, "women": 0.0},
        {"noise": 0.05, "failing": 0.0, "women": 0.8},
    ],
    ids=["worse scores", "failures", "women turned down"],
)
def test_each_planted_harm_is_aborted_in_the_shadow(truth: dict[str, float]) -> None:
    """Within ten windows of 400 rows at least 95 % of trials are aborted, and none passes."""
    outcomes = ends(Mode.SHADOW, 2, trials=60, **truth)
    assert outcomes.count(Outcome.ABORTED) >= 0.95 * 60
    assert Outcome.PASSED not in outcomes


def test_a_gap_that_cannot_be_sure_yet_keeps_a_trial_from_passing() -> None:
    """Women lose half as much: the scores are as good, but none of the trials passes."""
    assert Outcome.PASSED not in ends(Mode.SHADOW, 5, trials=60, noise=0.05, failing=0.0, women=0.4)


def test_a_challenger_as_good_passes_in_the_shadow() -> None:
    """At least 95 % within ten windows of 400 rows."""
    outcomes = ends(Mode.SHADOW, 3, trials=60, noise=0.05, failing=0.0, women=0.0)
    assert outcomes.count(Outcome.PASSED) >= 0.95 * 60


def test_a_state_carries_on_where_it_was_put_down() -> None:
    """Written to JSON and read back between windows, a canary comes to the same numbers."""
    draw, trial = np.random.default_rng(4), beside(Mode.CANARY)
    rows = [window(draw, trial, noise=0.1, failing=0.01, women=0.1) for _ in range(3)]
    straight = stopped = begin(trial)
    for one in rows:
        straight = fold(trial, straight, one)
        stopped = State.from_document(fold(trial, stopped, one).document())
    assert straight == stopped
