"""Rows delivered twice under new ids are found, in a sample of a window, too; twins by nature are not."""

import numpy as np
import pandas as pd
import pytest
from amends.measures.digests import WindowDigest
from amends.measures.quality_repeats import repeat_checks
from lending import applicants, digested, lending_spec, scored

SPEC = lending_spec()
LIMITS = {"duplicate_row_share": 0.01}


def window(people: pd.DataFrame, like: WindowDigest | None = None) -> WindowDigest:
    """The people's digest, under ids and at times of their own."""
    at = pd.date_range("2026-01-01", periods=len(people), freq="min")
    fresh = people.reset_index(drop=True).assign(id=[f"x-{i}" for i in range(len(people))], at=at)
    return digested(SPEC, scored(fresh, fresh["truth"]), like.grid if like else None)


def again(people: pd.DataFrame, share: float) -> pd.DataFrame:
    """The people, the last of them twice in place of the first."""
    return pd.concat([people.iloc[round(share * len(people)) :], people.tail(round(share * len(people)))])


def coarse(people: pd.DataFrame, step: float) -> pd.DataFrame:
    """People of whom little is known, so that many are alike."""
    rounded = {name: (people[name] / step).round() * step for name in ("income", "miles")}
    return people.assign(**rounded, truth=np.where(rounded["income"] > 0, 0.7, 0.2))


def shares(before: WindowDigest, now: WindowDigest) -> list[tuple[float, bool]]:
    """The share of doubled rows and whether it is proven to be too much."""
    return [(one.value, one.proven > one.high) for one in repeat_checks(SPEC, before, now, LIMITS)]


@pytest.mark.parametrize("rows", [4_000, 60_000])
def test_rows_delivered_twice_are_counted(rows: int) -> None:
    """Of 60 000 rows a third is in the sample, so a ninth of the pairs: the share is what was doubled."""
    before = window(applicants(rows, seed=1))
    [(none, alarm)] = shares(before, window(applicants(rows, seed=2), before))
    assert (none, alarm) == (0.0, False)
    [(share, alarm)] = shares(before, window(again(applicants(rows, seed=2), 0.05), before))
    assert share == pytest.approx(0.05, rel=0.25)
    assert alarm


def test_people_who_are_alike_are_no_rows_delivered_twice() -> None:
    """Where rows are alike by nature, as many are expected; where most are, nothing is said."""
    few, many = (coarse(applicants(4_000, seed=1), step) for step in (0.005, 0.2))
    before = window(few)
    [(share, alarm)] = shares(before, window(coarse(applicants(4_000, seed=2), 0.005), before))
    assert share < 0.005
    assert not alarm
    [(_, alarm)] = shares(before, window(again(coarse(applicants(4_000, seed=2), 0.005), 0.05), before))
    assert alarm
    crowd = window(many)
    assert shares(crowd, window(again(many, 0.05), crowd)) == []


def test_rows_of_one_session_are_as_common_in_a_short_window() -> None:
    """Where a person's rows follow each other, a tenth of the reference has a tenth of its pairs."""
    sessions = again(applicants(20_000, seed=1), 0.03)
    before = window(sessions)
    assert shares(before, window(again(applicants(2_000, seed=2), 0.03), before)) == []


def test_a_longer_window_may_meet_the_same_people_again() -> None:
    """Who is scored each month stands in three months three times."""
    people = applicants(3_000, seed=1)
    before = window(people)
    assert shares(before, window(pd.concat([people] * 3), before)) == []


def test_one_row_that_stands_there_often_counts_once() -> None:
    """A crawler that sends the same request again and again doubles no batch."""
    before, people = window(applicants(4_000, seed=1)), applicants(4_000, seed=2)
    crawled = people.iloc[np.where(np.arange(4_000) % 10 == 0, 0, np.arange(4_000))]
    [(share, alarm)] = shares(before, window(crawled, before))
    assert share < 0.001
    assert not alarm
