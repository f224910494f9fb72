"""Each kind of broken data is named by kind and column in nearly every window; seasons are quiet."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from weather import COLUMN_WINDOWS, REFERENCE, Change, broken, checks, digested, readings

SEEDS = range(300, 310)
QUIET = range(1000, 1120)


def some(frame: pd.DataFrame, share: float) -> Any:
    """A mask of a random share of the rows."""
    return np.random.default_rng(7).random(len(frame)) < share


def between(frame: pd.DataFrame, start: str, end: str) -> Any:
    """A mask of the rows of a span of time."""
    return (frame["at"] >= pd.Timestamp(start)) & (frame["at"] < pd.Timestamp(end))


def part(column: str, share: float, factor: float, offset: float = 0.0) -> Change:
    """A share of a column's values in another unit."""
    return lambda f: f.assign(
        **{column: f[column].where(~some(f, share), f[column].astype(float) * factor + offset)}
    )


FAULTS: dict[str, tuple[Change, tuple[str, Any]]] = {
    "five hours of nulls": (
        lambda f: f.assign(
            celsius=f["celsius"].mask(between(f, "2026-03-05 09:00", "2026-03-05 13:00"))
        ), ("null_burst", "celsius"),
    ),
    "six hours without rows": (
        lambda f: f[~between(f, "2026-03-06 09:00", "2026-03-06 15:00")], ("volume_gap_share", None),
    ),
    "two days without rows": (
        lambda f: f[~between(f, "2026-03-06", "2026-03-08")], ("volume_gap_share", None),
    ),
    "two days of labels lost": (
        lambda f: f.assign(label=f["label"].mask(between(f, "2026-03-06", "2026-03-08"))),
        ("label_gap", "label"),
    ),
    "a source in milliseconds": (part("seconds", 0.1, 1000), ("unit_mixture_share", "seconds")),
    "a source in minutes": (part("seconds", 0.1, 1 / 60), ("unit_mixture_share", "seconds")),
    "a source in kelvin": (part("celsius", 0.1, 1, 273.15), ("unit_mixture_share", "celsius")),
    "a source in fahrenheit": (part("celsius", 0.2, 1.8, 32), ("unit_mixture_share", "celsius")),
    "a source in percent": (part("share", 0.1, 100), ("unit_mixture_share", "share")),
    "a source with its sign turned": (part("price", 0.1, -1), ("unit_mixture_share", "price")),
    "cents from a day on": (
        lambda f: f.assign(price=f["price"].where(f["at"] < "2026-03-12", f["price"] * 100)),
        ("unit_mixture_share", "price"),
    ),
    "all in kelvin": (part("celsius", 1.1, 1, 273.15), ("unit_factor", "celsius")),
    "all in fahrenheit": (part("celsius", 1.1, 1.8, 32), ("unit_factor", "celsius")),
    "all in percent": (part("share", 1.1, 100), ("unit_factor", "share")),
    "all in milliseconds": (part("seconds", 1.1, 1000), ("unit_factor", "seconds")),
    "all with their sign turned": (part("price", 1.1, -1), ("transformed", "price")),
    "a level in another case": (
        lambda f: f.assign(station=f["station"].where(~some(f, 0.1), f["station"].str.upper() + " ")),
        ("recoded_level_share", "station"),
    ),
    "an encoding mistaken for another": (
        lambda f: f.assign(station=f["station"].replace("Zürich", "ZÃ¼rich")),
        ("recoded_level_share", "station"),
    ),
    "a code that became a number": (
        lambda f: f.assign(station=f["station"].replace("01", "1.0")), ("recoded_level_share", "station"),
    ),
    "another separator": (
        lambda f: f.assign(station=f["station"].replace("pier-4", "Pier_4")),
        ("recoded_level_share", "station"),
    ),
    "nulls written as words": (
        lambda f: f.assign(grade=f["grade"].mask(some(f, 0.04), "N/A")), ("null_word_share", "grade"),
    ),
    "two columns swapped": (
        lambda f: f.assign(celsius=f["seconds"], seconds=f["celsius"]), ("swapped", "seconds"),
    ),
    "ids that repeat": (
        lambda f: f.assign(id=f["id"].mask(some(f, 0.02), "1-1")), ("duplicate_id_share", "id"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_in_nearly_every_window(name: str) -> None:
    """In nine of ten windows at least, in and out of season, the fault's kind and column are named."""
    change, expected = FAULTS[name]
    found = [broken(checks(change(readings(seed, season=seed % 3 / 4)))) for seed in SEEDS]
    assert sum(expected in one for one in found) >= 0.9 * len(SEEDS)
    assert {column for one in found for _, column in one} <= {expected[1], "celsius", "seconds"}


def test_healthy_seasons_raise_no_alarm() -> None:
    """120 unchanged or seasonal windows of 8 features: at most 1 check in 1 000 column windows is broken."""
    alarms: Counter[Any] = Counter()
    for seed in QUIET:
        alarms.update(broken(checks(readings(seed, season=seed % 3 / 2))))
    assert sum(alarms.values()) <= len(QUIET) * COLUMN_WINDOWS / 1000, alarms


@pytest.mark.parametrize("rows", [30, 300])
def test_small_healthy_windows_raise_no_alarm(rows: int) -> None:
    """Sixty windows of few rows, spread over two weeks with many empty hours: none breaks a check."""
    before = digested(readings(1, rows=rows))
    assert not Counter(x for seed in range(60) for x in broken(checks(readings(2000 + seed, rows), before)))


ABSURD = {
    "a huge number": ("price", 1e13),
    "a hugely negative one": ("celsius", -1e9),
    "infinity": ("wind", np.inf),
}


@pytest.mark.parametrize("name", ABSURD)
def test_a_single_absurd_row_breaks_no_column(name: str) -> None:
    """One row of 4 000 that cannot be is an outlier and no broken column."""
    column, value = ABSURD[name]
    frame = readings(5)
    frame[column] = frame[column].astype(float).where(frame.index != 77, value)
    assert broken(checks(frame)) == set()


def reasons(frame: pd.DataFrame, metric: str) -> str:
    """The note of the one check of a metric."""
    (one,) = (check.note for check in checks(frame) if check.metric == metric and check.note)
    return one


def test_a_burst_of_nulls_is_told_with_its_hours() -> None:
    """The reason names the first hour and the hour after the last."""
    frame = readings(5)
    frame["celsius"] = frame["celsius"].mask(between(frame, "2026-03-05 09:00", "2026-03-05 14:00"))
    assert "from 2026-03-05 09:00 to 2026-03-05 14:00" in reasons(frame, "null_burst")


def test_nulls_that_stay_are_told_from_when_on() -> None:
    """A column that is null from an hour on: its null_increase says since when."""
    frame = readings(5)
    frame["celsius"] = frame["celsius"].mask(frame["at"] >= "2026-03-12 05:00")
    (one,) = (c.note for c in checks(frame) if c.metric == "null_increase" and c.column == "celsius")
    assert one.endswith("null from 2026-03-12 05:00 on")


def test_nulls_by_night_are_no_burst() -> None:
    """A column that is null at night in both windows has no stretch out of the usual."""
    assert not [c for c in checks(readings(6)) if c.metric == "null_burst" and c.proven > c.high]


def test_the_gap_is_told_with_its_hours_and_the_rows_expected() -> None:
    """About 1/14 of 4 000 rows a day, three quarters of them in 12 hours: 6 hours hold 125 (107 and 18)."""
    frame = readings(5)
    told = reasons(frame[~between(frame, "2026-03-06 09:00", "2026-03-06 15:00")], "volume_gap_share")
    assert "from 2026-03-06 09:00 to 2026-03-06 15:00" in told
    expected = int(told.split("about ")[1].split()[0])
    assert expected == pytest.approx(125, rel=0.15)


def test_rows_that_stop_by_midday_are_inconclusive() -> None:
    """The other days go on until midnight; the rows alone cannot tell a cut from a feed that stopped."""
    frame = readings(5)
    found = checks(frame[frame["at"] < "2026-03-14 12:00"])
    (one,) = (check for check in found if check.metric == "rows_stop_early")
    assert one.value == 12
    assert one.value > one.high >= one.proven
    assert broken(found) == set()


def test_late_labels_are_no_gap() -> None:
    """Labels that come with a delay leave the end of the window open: nothing is lost."""
    frame = readings(5)
    delay = pd.to_timedelta(np.random.default_rng(1).exponential(2.0, len(frame)), unit="D")
    late = frame.assign(label=frame["label"].mask(frame["at"] + delay > pd.Timestamp("2026-03-16")))
    assert broken(checks(late)) == set()


def test_days_that_the_reference_lacks_too_are_no_gap() -> None:
    """A service closed at weekends: two empty days are its rhythm, in both windows."""
    closed = [frame[frame["at"].dt.dayofweek < 5] for frame in (readings(1), readings(2))]
    assert broken(checks(closed[1], digested(closed[0]))) == set()


def test_working_days_teach_no_weekend() -> None:
    """A reference of Monday to Friday, round the clock: an empty weekend is not proven to be lost."""
    draw, monday = np.random.default_rng(3), pd.Timestamp("2026-03-02")
    before, now = (
        frame.assign(at=monday + pd.to_timedelta(draw.uniform(0, days, len(frame)), unit="D"))
        for frame, days in ((readings(1), 5), (readings(2), 12))
    )
    closed = now[now["at"].dt.dayofweek < 5]
    found = checks(closed, digested(before))
    (gap,) = (check for check in found if check.metric == "volume_gap_share")
    assert gap.value > gap.high >= gap.proven
    lost = now[~between(now, "2026-03-10", "2026-03-12")]
    assert ("volume_gap_share", None) in broken(checks(lost, digested(before)))


def test_a_feast_in_a_shop_that_closes_at_night_is_not_proven() -> None:
    """Open from 8 to 20 only, and closed for a day: 36 empty hours may be a feast, so it is inconclusive."""
    before, now = (frame[frame["at"].dt.hour.between(8, 19)] for frame in (readings(1), readings(2)))
    found = checks(now[~between(now, "2026-03-06", "2026-03-07")], digested(before))
    (gap,) = (check for check in found if check.metric == "volume_gap_share")
    assert gap.value > gap.high >= gap.proven


def test_three_days_missing_in_a_shop_that_opens_daily_are_proven() -> None:
    """Closed by night and on no day of a fortnight: no feast lasts three days, so rows were lost."""
    before, now = (frame[frame["at"].dt.hour.between(8, 19)] for frame in (readings(1), readings(2)))
    found = broken(checks(now[~between(now, "2026-03-06", "2026-03-09")], digested(before)))
    assert ("volume_gap_share", None) in found
    short = before[before["at"] < "2026-03-14"]
    assert not broken(checks(now[~between(now, "2026-03-06", "2026-03-09")], digested(short)))


def test_every_missing_column_is_named_with_the_one_it_may_have_become() -> None:
    """Three columns are gone at once: all are named, and the two renamed ones with their new names."""
    frame = readings(5).rename(columns={"celsius": "Celsius_deg", "grade": "GRADE"}).drop(columns="wind")
    notes = {check.column: check.note for check in checks(frame) if check.metric == "column_missing"}
    assert set(notes) == {"celsius", "grade", "wind"}
    assert "'Celsius_deg' is new" in notes["celsius"]
    assert "'GRADE' is new" in notes["grade"]
    assert "renamed" not in notes["wind"]


def test_new_and_retyped_columns_are_named() -> None:
    """A column of texts that came as numbers, and two columns that nobody asked for."""
    frame = readings(5).assign(grade=1, extra=1.0, **{"<b>": 2})
    found = checks(frame)
    assert ("type_changed", "grade") in broken(found)
    told = reasons(frame, "unused_columns_changed")
    assert "'extra'" in told
    assert "<b>" not in told


def test_the_reference_s_levels_in_two_ways_of_writing_teach_no_way() -> None:
    """Where the reference itself writes a level in two ways, a third is an unseen level and nothing more."""
    before = readings(1)
    before["grade"] = before["grade"].mask(some(before, 0.3) & (before["grade"] == "A"), "a")
    now = readings(2)
    now["grade"] = now["grade"].mask(some(now, 0.02), "a ")
    assert ("recoded_level_share", "grade") not in broken(checks(now, digested(before)))


def test_the_reference_is_healthy_beside_itself() -> None:
    """The window that is the reference breaks nothing."""
    assert broken(checks(readings(1, rows=6000), REFERENCE)) == set()
