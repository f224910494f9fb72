"""Values that stand in other rows are named by the links that their column lost, and by nothing else."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.quality_joins import cramers_v, join_checks
from samples import MINIMAL
from weather import QUALITY, broken

HOURS = pd.date_range("2026-01-01", periods=6000, freq="min")
INPUTS = {"numeric": ["miles", "minutes", "fare", "age"], "categorical": ["zone", "town"]}
COLUMNS = {**MINIMAL["columns"], **INPUTS, "sensitive": []}
SPEC = spec_from_document({**MINIMAL, "columns": COLUMNS}, "trips.yaml")


def trips(seed: int, rows: int = 4000, *, slow: float = 1.0) -> pd.DataFrame:
    """Trips whose minutes and fare follow the miles, and whose town follows from the zone."""
    draw = np.random.default_rng(seed)
    miles, zone = draw.gamma(2, 2, rows), draw.integers(0, 12, rows)
    frame = pd.DataFrame(
        {
            "miles": miles, "minutes": miles * 4 * slow + draw.normal(0, 3, rows), "fare": 3 + 2 * miles,
            "age": draw.integers(18, 80, rows), "zone": zone.astype(str), "town": (zone // 3).astype(str),
        }
    )  # fmt: skip
    c = SPEC.columns
    return frame.assign(
        **{
            c.id: [f"{seed}-{i}" for i in range(rows)], c.timestamp: HOURS[:rows],
            c.score: draw.random(rows), c.predicted_label: 0, c.label: draw.integers(0, 2, rows),
        }
    )  # fmt: skip


def digested(frame: pd.DataFrame, like: WindowDigest | None = None) -> WindowDigest:
    """Digest of trips."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return digest_batches(SPEC, table.to_batches(), like.grid if like else None)


REFERENCE = digested(trips(1, 6000))


def misjoined(frame: pd.DataFrame) -> set[Any]:
    """Columns whose values stand in other rows."""
    found = join_checks(SPEC.columns.features, REFERENCE, digested(frame, REFERENCE), QUALITY)
    return {column for metric, column in broken(list(found)) if metric == "misjoined"}


def shuffled(frame: pd.DataFrame, name: str, share: float = 1.0) -> pd.DataFrame:
    """The same rows, some of which changed a column's values among each other."""
    draw = np.random.default_rng(9)
    some = np.flatnonzero(draw.random(len(frame)) < share)
    values = frame[name].to_numpy(copy=True)
    values[some] = values[draw.permutation(some)]
    return frame.assign(**{name: values})


@pytest.mark.parametrize("name", ["miles", "minutes", "fare"])
@pytest.mark.parametrize("share", [0.7, 1.0])
def test_a_column_of_other_rows_is_named_alone(name: str, share: float) -> None:
    """The column lost all of its links; those that it was linked with keep theirs with each other."""
    assert misjoined(shuffled(trips(2), name, share)) == {name}


def test_values_that_lag_by_a_row_are_named() -> None:
    """A join that is off by one keeps every value and no link."""
    frame = trips(2)
    assert misjoined(frame.assign(fare=frame["fare"].shift(1).bfill())) == {"fare"}


def test_of_a_pair_nobody_knows_which_moved() -> None:
    """Zone and town are linked with each other only: both are named."""
    assert misjoined(shuffled(trips(2), "zone")) == {"zone", "town"}


@pytest.mark.parametrize("seed", range(2, 12))
def test_links_that_hold_are_quiet(seed: int) -> None:
    """Other rows, a few mixed up, slower traffic, an age of other rows (which had no link), few rows."""
    frame = trips(seed)
    for now in (
        frame,
        shuffled(frame, "fare", 0.1),
        trips(seed, slow=1.1),
        shuffled(frame, "age"),
        frame[:300],
    ):
        assert misjoined(now) == set()


def test_links_that_fall_apart_together_are_the_worlds() -> None:
    """Storms linked three columns in the reference; in the window each has its gusts at other times."""
    draw = np.random.default_rng(5)

    def weather(seed: int, *, joint: bool) -> pd.DataFrame:
        frame, names = trips(seed), ("miles", "minutes", "fare")
        storm = draw.random((1 if joint else 3, len(frame))) < 0.3
        return frame.assign(
            **{
                name: draw.normal(0, 1, len(frame)) + 6 * storm[i % len(storm)]
                for i, name in enumerate(names)
            }
        )

    before = digested(weather(1, joint=True))
    now = digested(weather(2, joint=False), before)
    found = list(join_checks(SPEC.columns.features, before, now, QUALITY))
    assert {one.column for one in found} >= {"miles", "minutes", "fare"}
    assert broken(found) == set()


def test_a_column_that_moved_is_judged_by_itself() -> None:
    """Another unit, or a constant, is another check's to name."""
    frame = trips(2)
    assert misjoined(frame.assign(fare=frame["fare"] * 100)) == set()
    assert misjoined(frame.assign(fare=5.0)) == set()


def test_cramers_v_by_hand() -> None:
    """Equal columns go together wholly, independent ones not at all, a constant with nothing."""
    draw = np.random.default_rng(3)
    one, other = draw.integers(0, 4, 5000), draw.integers(0, 4, 5000)
    assert cramers_v(one, one, 4, 4) == pytest.approx(1.0, abs=1e-3)
    assert cramers_v(one, other, 4, 4) < 0.05
    assert cramers_v(one, np.zeros_like(one), 4, 1) == 0.0


def test_a_single_row_that_is_null_in_both_columns_links_nothing() -> None:
    """1200 rows of two columns that have nothing to do with each other, and one in which neither is known."""
    draw = np.random.default_rng(5)
    one, other = (np.append(draw.integers(1, 5, 1200), 0) for _ in range(2))
    assert cramers_v(one, other, 5, 5) < 0.1


def test_a_column_that_keeps_a_weaker_link_stands_in_its_own_rows() -> None:
    """Fares stop to follow the miles, which follow nothing else closely, but the age a little as before."""

    def dearer_with_age(frame: pd.DataFrame) -> pd.DataFrame:
        age = (frame["miles"] + 6 * np.random.default_rng(4).normal(0, 1, len(frame))).rank()
        alone = frame.assign(minutes=np.random.default_rng(6).normal(20, 5, len(frame)))
        return alone.assign(age=18 + (60 * age / len(frame)).astype(int))

    reference = digested(dearer_with_age(trips(1, 6000)))
    now = digested(shuffled(dearer_with_age(trips(2)), "fare"), reference)
    found = broken(list(join_checks(SPEC.columns.features, reference, now, QUALITY)))
    assert ("misjoined", "fare") in found
    assert ("misjoined", "miles") not in found
