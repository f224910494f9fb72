"""A regression that is off for some people is found; outcomes that merely vary more for some are not."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.domain.findings import Finding, Verdict
from amends.measures.digesting import digest_batches
from amends.measures.group_errors import expected_gap, group_calibration, group_errors
from group_rows import judged, one, spec

WAGES = spec("sex", task="regression", favourable_label=None)


def wages(seed: int, n: int = 2000, **off: float) -> pd.DataFrame:
    """Predictions whose errors have deviation 1 for both groups; ``off`` moves a group's labels."""
    draw = np.random.default_rng(seed)
    sex = draw.choice(["f", "m"], n)
    guess = draw.normal(20, 5, n)
    moved = np.array([off.get(one, 0.0) for one in sex])
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n), unit="s"),
            "sex": sex,
            "score": guess,
            "decision": guess,
            "label": guess + moved + draw.normal(0, 1, n),
        }
    )


def breaches(findings: list[Finding]) -> set[str]:
    """Metrics that breached."""
    return {each.metric for each in findings if each.is_breach}


def digested(rows: pd.DataFrame) -> Any:
    """The digest of some rows."""
    return digest_batches(WAGES, pa.Table.from_pandas(rows, preserve_index=False).to_batches())


def test_errors_by_group_are_those_of_the_rows() -> None:
    """Means, absolute means and their standard errors as pandas computes them from the rows."""
    rows = wages(1, f=0.5)
    error = rows["label"] - rows["decision"]
    by_sex = {False: error.groupby(rows["sex"]), True: error.abs().groupby(rows["sex"])}
    for absolute, expected in by_sex.items():
        found = group_errors(WAGES, digested(rows), ("sex",), absolute=absolute)
        assert found.names == ("f", "m")
        assert found.value == pytest.approx(expected.mean().to_numpy(), rel=1e-9)
        assert found.error == pytest.approx(expected.sem().to_numpy(), rel=1e-9)


def test_calibration_by_group_is_that_of_the_rows() -> None:
    """Mean score less the share of outcomes, its standard error, and the mean over people, from the rows."""
    draw = np.random.default_rng(4)
    rows = wages(2).assign(score=draw.random(2000))
    rows = rows.assign(
        label=(draw.random(2000) < 0.4).astype(float), decision=(rows["score"] > 0.5).astype(int)
    )
    rows.loc[rows.index % 7 == 0, "label"] = np.nan
    model = spec("sex")
    digest = digest_batches(model, pa.Table.from_pandas(rows, preserve_index=False).to_batches())
    found = group_calibration(model, digest, ("sex",))
    off = (rows["score"] - rows["label"]).dropna().groupby(rows["sex"])
    assert found.value == pytest.approx(off.mean().to_numpy(), rel=1e-9)
    assert found.error == pytest.approx(off.sem().to_numpy(), rel=1e-9)
    assert expected_gap(found) == pytest.approx((off.mean().abs() * off.count()).sum() / off.count().sum())


def test_a_group_that_is_underestimated_is_found() -> None:
    """Women earn one standard deviation more than predicted: standing and new, in the label's unit."""
    found = judged(WAGES, wages(1), wages(2, f=1.0))
    gap = one(found, "mean_error_difference")
    assert (gap.verdict, gap.groups) == (Verdict.BREACH, ("m", "f"))
    assert gap.value == pytest.approx(1.0, abs=0.15)
    assert gap.threshold == pytest.approx(0.5, abs=0.05)
    assert "mean_error_gap_change" in breaches(found)
    standing = breaches(judged(WAGES, wages(1, f=1.0), wages(2, f=1.0)))
    assert standing == {"mean_error_difference"}


def test_outcomes_that_vary_more_for_some_are_reported_only() -> None:
    """Under any model the larger spread errs more: the standing gap is told and accuses nobody."""
    rows = [wages(seed) for seed in (1, 2)]
    for each in rows:
        each["label"] = each["label"].where(
            each["sex"] == "m", each["decision"] + 2 * (each["label"] - each["decision"])
        )
    found = judged(WAGES, *rows)
    gap = one(found, "mean_absolute_error_difference")
    assert (gap.verdict, gap.groups, gap.threshold) == (Verdict.PASS, ("m", "f"), None)
    assert gap.value == pytest.approx(np.sqrt(2 / np.pi), abs=0.1)
    assert breaches(found) == set()


@pytest.mark.parametrize("seed", range(10))
def test_equal_errors_are_quiet(seed: int) -> None:
    """Two windows of one population."""
    assert breaches(judged(WAGES, wages(seed), wages(100 + seed))) == set()


CANNOT: dict[str, tuple[dict[str, Any], Verdict, str]] = {
    "no label": ({"label": None}, Verdict.NO_DATA, "no label has arrived"),
    "no prediction": ({"decision": np.nan}, Verdict.INCONCLUSIVE, "fewer than two groups"),
    "infinite errors": ({"label": np.inf}, Verdict.INCONCLUSIVE, "fewer than two groups"),
    "errors beyond all numbers": ({"label": 1e200}, Verdict.INCONCLUSIVE, "fewer than two groups"),
    "one group": ({"sex": "f"}, Verdict.INCONCLUSIVE, "fewer than two groups"),
}  # fmt: skip


@pytest.mark.parametrize("name", CANNOT)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_errors_that_are_no_numbers_never_pass(name: str) -> None:
    """A gap that cannot be computed is not small."""
    changes, verdict, said = CANNOT[name]
    finding = one(judged(WAGES, wages(1), wages(2).assign(**changes)), "mean_error_difference")
    assert finding.verdict is verdict
    assert said in finding.reason


def test_a_reference_without_errors_gives_no_unit() -> None:
    """A model that was never off by anything has no deviation to measure a gap in."""
    exact = wages(1)
    exact["label"] = exact["decision"]
    finding = one(judged(WAGES, exact, wages(2)), "mean_error_difference")
    assert finding.verdict is Verdict.INCONCLUSIVE


def test_a_group_of_a_few_is_neither_named_nor_counted() -> None:
    """Five people of a third sex in the rows: not named, and not left to be subtracted."""
    rows = wages(2)
    rows.loc[rows.index < 5, "sex"] = "x"
    finding = one(judged(WAGES, wages(1), rows), "mean_error_difference")
    assert (finding.verdict, finding.n) == (Verdict.PASS, None)
    assert "(under 11 rows)" in finding.reason
    assert " x" not in finding.reason
