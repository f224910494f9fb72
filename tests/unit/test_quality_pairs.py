"""Columns that changed places are told from columns that only look alike."""

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.quality_pairs import swapped_checks
from samples import MINIMAL

FLAGS = [f"flag_{i}" for i in range(60)]
LEVELS = [f"level_{i}" for i in range(10)]
COLUMNS = {**MINIMAL["columns"], "numeric": [*FLAGS, "high", "low"], "categorical": LEVELS, "sensitive": []}
SPEC = spec_from_document({**MINIMAL, "columns": COLUMNS}, "flags.yaml")
LIMITS = GreatExpectationsGate(load_policy()).limits


def soils(seed: int, rows: int = 3000) -> pd.DataFrame:
    """Sixty flags of about one row in twenty, ten yes-or-no columns, and two numbers."""
    draw = np.random.default_rng(seed)
    rare = np.linspace(0.045, 0.065, len(FLAGS))
    shares = np.linspace(0.02, 0.1, len(LEVELS))
    frame = pd.DataFrame((draw.random((rows, len(FLAGS))) < rare).astype(float), columns=FLAGS)
    frame[LEVELS] = np.where(draw.random((rows, len(LEVELS))) < shares, "yes", "no")
    frame["high"], frame["low"] = draw.normal(300, 40, rows), draw.normal(20, 5, rows)
    return frame.assign(
        row_id=[f"{seed}-{i}" for i in range(rows)],
        timestamp=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="min"),
        prediction=0.5, predicted_label=1, label=1,
    )  # fmt: skip


def swapped(before: pd.DataFrame, now: pd.DataFrame) -> set[str | None]:
    """Columns that are said to have changed places."""
    tables = [pa.Table.from_pandas(one, preserve_index=False).to_batches() for one in (before, now)]
    reference = digest_batches(SPEC, tables[0])
    current = digest_batches(SPEC, tables[1], reference.grid)
    return {one.column for one in swapped_checks([*FLAGS, "high", "low"], LEVELS, reference, current, LIMITS)}


def test_flags_that_each_moved_a_little_have_not_changed_places() -> None:
    """Sixty rare flags make 1 770 pairs: in twenty healthy windows none is called swapped."""
    reference = soils(1)
    assert [swapped(reference, soils(seed)) for seed in range(2, 22)] == [set()] * 20


def test_flags_that_all_drifted_have_not_changed_places() -> None:
    """Twice the rows have each flag now: that is drift, whatever flags look like others' past."""
    more = soils(2)
    more[FLAGS] = np.maximum(more[FLAGS].to_numpy(), soils(3)[FLAGS].to_numpy())
    assert swapped(soils(1, 20_000), more) == set()


def test_two_numbers_that_changed_places_are_named_among_the_flags() -> None:
    """High and low lie 280 apart: each looks like the other one's past."""
    turned = soils(2).rename(columns={"high": "low", "low": "high"})
    assert swapped(soils(1), turned) == {"high", "low"}
