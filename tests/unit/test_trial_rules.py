"""Who answers a row of a trial, by which limits it ends, and where its shadow log lies."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amends.domain.promotion import ModelVersion
from amends.domain.spec import Source
from amends.domain.trial import Limits, Mode, Outcome, Trial, answers, assigned, judge
from amends.measures.trial_rows import TrialRows, shadow_spec
from amends.measures.trials import begin, fold, summary
from scipy import stats
from trial_story import INCIDENT, SPEC

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
