"""Synthetic rows keep marginals and rank correlations, copy nobody, and say how far they are off."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.errors import DataError
from amends.measures.cohorts import fit_cohort
from amends.measures.fidelity import fidelity
from remedy_story import REFERENCE
from remedy_story import people as applicants

NUMERIC = ["income", "rent", "hours"]
LEVELS = ["region", "sex", "repaid"]


def table(rows: int = 3000, seed: int = 1, **columns: Any) -> pa.Table:
    """Rows of the small credit model: rent follows income, hours follow sex, the label follows both."""
    people = applicants(REFERENCE, seed).head(rows).assign(**columns)
    return pa.Table.from_pandas(people[[*NUMERIC, *LEVELS]], preserve_index=False)


def fitted(rows: pa.Table, **changes: Any) -> Any:
    """A generator of those rows."""
    return fit_cohort(rows, NUMERIC, LEVELS, label="repaid", **changes)


def test_each_column_keeps_its_distribution() -> None:
    """SciPy's two-sample statistic finds no number farther off than chance moves it, and shares agree."""
    from scipy.stats import ks_2samp

    real = table()
    made = fitted(real).draw(3000, seed=5).to_pandas()
    was = real.to_pandas()
    for name in NUMERIC:
        assert ks_2samp(was[name], made[name]).statistic < 0.05  # 0.042 is the 1 % point of 3000 against 3000
    for name in LEVELS:
        shares = [frame[name].value_counts(normalize=True) for frame in (was, made)]
        assert shares[0].sub(shares[1]).abs().max() < 0.03


def test_rank_correlations_are_kept_of_numbers_levels_and_label() -> None:
    """Pandas' Spearman correlations of real and synthetic rows agree, those of flags included."""
    real = table()
    frames = [
        frame.assign(sex=(frame["sex"] == "m") * 1, region=(frame["region"] == "north") * 1)
        for frame in (real.to_pandas(), fitted(real).draw(6000, seed=5).to_pandas())
    ]
    was, made = (frame.corr(method="spearman") for frame in frames)
    assert was.loc["income", "rent"] > 0.95
    assert was.loc["hours", "sex"] > 0.4
    assert was.loc["income", "repaid"] > 0.4
    assert (was - made).abs().max().max() < 0.06


def test_no_row_is_a_real_one() -> None:
    """By pandas' inner join on all columns nobody is in both, also where most columns are whole numbers."""
    people = applicants(REFERENCE, 1).head(1000)
    whole = table(1000, income=people["income"].round(), rent=people["rent"].round(1), hours=0.0)
    for real in (table(1000), whole):
        made = fitted(real).draw(2000, seed=3)
        assert made.num_rows > 1900
        assert not len(made.to_pandas().merge(real.to_pandas(), how="inner"))
        assert fidelity(fitted(real), made).copies == 0


def test_copied_rows_are_counted_and_lie_at_no_distance() -> None:
    """Real rows handed in as synthetic ones are all found out; made ones lie about as far as real ones do."""
    real = table(500)
    cohort = fitted(real)
    copied = fidelity(cohort, real)
    assert (copied.copies, copied.closest) == (500, 0.0)
    assert max(copied.distance.values()) == 0.0
    made = fidelity(cohort, cohort.draw(500, seed=1))
    assert 0.5 < made.closest < 2


def test_the_distance_reported_is_that_of_scipy() -> None:
    """The largest distance of a column is the Kolmogorov-Smirnov statistic."""
    from scipy.stats import ks_2samp

    real = table(400)
    cohort = fitted(real)
    made = cohort.draw(700, seed=9, shifts={"income": 1.0})
    seen = fidelity(cohort, made)
    was, now = real.to_pandas(), made.to_pandas()
    for name in NUMERIC:
        assert seen.distance[name] == pytest.approx(ks_2samp(was[name], now[name]).statistic)
    assert seen.distance["income"] > 0.3


def test_a_what_if_moves_what_goes_with_it() -> None:
    """Income a deviation higher lifts rent by twice that (rent = 2 income) and leaves hours alone."""
    cohort = fitted(table())
    plain, moved = (cohort.draw(6000, seed=2, shifts=shift).to_pandas() for shift in ({}, {"income": 1.0}))
    assert moved["income"].mean() - plain["income"].mean() == pytest.approx(1.0, abs=0.08)
    assert moved["rent"].mean() - plain["rent"].mean() == pytest.approx(2.0, abs=0.15)
    assert moved["hours"].mean() == pytest.approx(plain["hours"].mean(), abs=0.08)
    assert moved["repaid"].mean() > plain["repaid"].mean() + 0.1


def test_a_small_group_keeps_its_own_marginals_and_borrows_correlations() -> None:
    """Forty rows in which rent does not follow income: theirs weighs 40 / 140, the whole's the rest."""
    real = table()
    few = real.slice(0, 40).to_pandas()
    draw = np.random.default_rng(4)
    few = few.assign(income=few["income"] + 5, rent=draw.permutation(few["rent"]))
    own = pa.Table.from_pandas(few, preserve_index=False)
    made = fitted(real, within=own).draw(4000, seed=1).to_pandas()
    assert made["income"].mean() == pytest.approx(few["income"].mean(), abs=0.2)
    mine, whole = (
        frame["income"].corr(frame["rent"], method="spearman") for frame in (few, real.to_pandas())
    )
    wanted = 40 / 140 * mine + 100 / 140 * whole
    assert made["income"].corr(made["rent"], method="spearman") == pytest.approx(wanted, abs=0.06)


def test_nulls_and_levels_come_back_as_often() -> None:
    """A fifth of the numbers missing stays a fifth; a null level is a level, and types are kept."""
    people = applicants(REFERENCE, 1).head(2000)
    gap = np.random.default_rng(1).random(2000) < 0.2
    real = table(2000, hours=people["hours"].mask(gap), region=people["region"].mask(gap))
    made = fitted(real).draw(4000, seed=1)
    assert made.column("hours").to_pandas().isna().mean() == pytest.approx(0.2, abs=0.03)
    assert made.column("region").null_count / 4000 == pytest.approx(0.2, abs=0.03)
    assert made.column("repaid").type == real.column("repaid").type
    assert set(made.column("region").to_pylist()) == {"north", "south", None}


def test_the_same_seed_draws_the_same_rows() -> None:
    """Fitted and drawn twice the rows agree cell by cell; another seed draws others."""
    first, again = (fitted(table()).draw(200, seed=1) for _ in range(2))
    assert first.equals(again)
    assert not first.equals(fitted(table()).draw(200, seed=2))


def test_too_few_rows_are_refused_with_the_way_out() -> None:
    """Twenty-nine rows make no generator."""
    with pytest.raises(DataError, match=r"needs 30 real ones, 29 are given\. Widen"):
        fitted(table(29))
    with pytest.raises(DataError, match="29 are given"):
        fitted(table(), within=table(29))


def test_columns_that_allow_no_new_row_are_refused() -> None:
    """Where every combination of levels is somebody's, none can be made up."""
    pairs = pd.DataFrame({"sex": ["f", "m"] * 50, "repaid": [0, 0, 1, 1] * 25})
    rows = pa.Table.from_pandas(pairs, preserve_index=False)
    with pytest.raises(DataError, match="too few values"):
        fit_cohort(rows, [], ["sex", "repaid"], label="repaid").draw(100, seed=1)
