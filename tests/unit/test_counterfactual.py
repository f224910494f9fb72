"""What a decision hangs on: flips of an attribute and of what tells it, counted by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.errors import ArtefactError, DataError
from amends.measures.counterfactual import level_donors, quantile_donors
from amends.measures.digesting import digest_batches
from amends.workflow.counterfactuals import MOST_ROWS, ask, proxies_of
from remedy_story import REFERENCE, SPEC, people

ROWS = people(REFERENCE, 1).head(1000)


def asked(model: Any, rows: pd.DataFrame = ROWS, spec: Any = SPEC) -> dict[tuple[str, str], dict[str, Any]]:
    """Ask a model about rows; answers by attribute and by what it was asked through."""
    table = pa.Table.from_pandas(rows[list(spec.columns.all)], preserve_index=False)
    sample = digest_batches(spec, table.to_batches()).sample
    answers = ask(spec, load_policy(None), model, table, sample)
    return {(one["attribute"], one["through"]): one for one in answers}


def by_sex(rows: pd.DataFrame) -> "pd.Series[float]":
    """Score men 0.3 higher; who lies between 0.2 and 0.5 without it hangs on his or her sex."""
    return rows["income"].clip(-1, 1) * 0.25 + 0.25 + 0.3 * (rows["sex"] == "m")


def by_hours(rows: pd.DataFrame) -> "pd.Series[float]":
    """Score by hours alone, which follow sex; over 0.6 is favourable."""
    return (rows["hours"] > 0.6) * 0.8 + 0.1


def test_a_model_that_uses_sex_flips_whom_it_says_by_hand() -> None:
    """Men under 0.5 without the 0.3 lose, women from 0.2 on gain; the shares are counted from the formula."""
    answer = asked(by_sex)[("sex", "sex")]
    base = ROWS["income"].clip(-1, 1) * 0.25 + 0.25
    hangs = (base < 0.5) & (base + 0.3 >= 0.5)
    by_hand = {sex: float(hangs[ROWS["sex"] == sex].mean()) for sex in ("f", "m")}
    women, men = answer["by_group"]

    assert answer["changed"] == pytest.approx(float(hangs.mean()))
    assert answer["rows"] == 1000
    assert (women["to_favourable"], women["to_unfavourable"]) == (pytest.approx(by_hand["f"]), 0)
    assert (men["to_favourable"], men["to_unfavourable"]) == (0, pytest.approx(by_hand["m"]))
    assert (women["score_change"], men["score_change"]) == (pytest.approx(0.3), pytest.approx(-0.3))
    assert not answer["in_spec"]
    assert answer["moves"]


def test_the_interval_is_wilsons() -> None:
    """99 % Wilson, computed by scipy."""
    from scipy.stats import binomtest

    answer = asked(by_sex)[("sex", "sex")]
    hits = round(answer["changed"] * answer["rows"])
    low, high = binomtest(hits, answer["rows"]).proportion_ci(0.99, method="wilson")
    assert answer["interval"] == [pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4)]
    assert answer["finding"]["verdict"] == "breach"


def test_a_model_that_uses_a_proxy_flips_through_the_proxy_alone() -> None:
    """Hours follow sex: they are asked, and as many flip as the two groups' shares over 0.6 differ."""
    answers = asked(by_hours)
    assert set(answers) == {("sex", "sex"), ("sex", "hours")}
    assert answers[("sex", "sex")]["moves"] is False
    assert answers[("sex", "sex")]["changed"] == 0
    over = {sex: float((ROWS["hours"][ROWS["sex"] == sex] > 0.6).mean()) for sex in ("f", "m")}
    for one in answers[("sex", "hours")]["by_group"]:
        gap = over[one["to"]] - over[one["from"]]
        assert one["to_favourable"] - one["to_unfavourable"] == pytest.approx(gap, abs=0.003)
        assert one["changed"] == pytest.approx(abs(gap), abs=0.003)  # ranks are kept: nobody crosses back


def test_an_input_that_goes_with_no_group_flips_next_to_nobody() -> None:
    """Income is alike in both sexes: even a model of income alone decides the same, asked through it."""
    rng, values = np.random.default_rng(0), ROWS["income"].to_numpy()
    women, men = (np.flatnonzero(ROWS["sex"] == sex) for sex in ("f", "m"))
    lent = values[quantile_donors(values, women, men, rng)]
    assert float(np.mean((lent > 0) != (values[women] > 0))) < 0.06
    assert set(asked(lambda rows: rows["income"].clip(0, 1))) == {("sex", "sex"), ("sex", "hours")}
    assert asked(lambda rows: rows["income"].clip(0, 1))[("sex", "hours")]["changed"] == 0


def test_quantiles_are_matched_by_rank() -> None:
    """By hand: the middle of one group is given the middle of the other; missing stays missing."""
    values = np.array([1.0, 2.0, 3.0, np.nan, 30.0, 10.0, 20.0])
    donors = quantile_donors(values, np.arange(4), np.array([4, 5, 6]), np.random.default_rng(0))
    assert values[donors[:3]].tolist() == [10.0, 20.0, 30.0]
    assert donors[3] == 3


def test_levels_change_as_little_as_they_can() -> None:
    """8 of 10 in level 0 against 3 of 10: of those 8, five in eight change, to level 1; nobody else does."""
    rng = np.random.default_rng(0)
    codes = np.array(([0] * 8 + [1] * 2) * 400 + ([0] * 3 + [1] * 7) * 400)
    mine, theirs = np.arange(4000), np.arange(4000, 8000)
    lent = codes[level_donors(codes, mine, theirs, rng)]
    assert float(lent.mean()) == pytest.approx(0.7, abs=0.02)
    assert (lent[codes[mine] == 1] == 1).all()


def test_groups_too_small_to_show_are_not_asked_about() -> None:
    """Ten people of a third group are nowhere in the answers; with one group left there is nothing to ask."""
    third = ROWS.assign(sex=ROWS["sex"].where(ROWS.index >= 10, "x"))
    shown = {one[end] for answer in asked(by_sex, third).values() for one in answer["by_group"]
             for end in ("from", "to")}  # fmt: skip
    assert shown == {"f", "m"}
    with pytest.raises(DataError, match="groups of 11 rows"):
        asked(by_sex, ROWS[ROWS["sex"] == "f"])
    with pytest.raises(DataError, match="no sensitive attribute"):
        asked(by_sex, spec=replace(SPEC, columns=replace(SPEC.columns, sensitive=())))


def test_the_answer_is_the_same_at_each_asking_and_bounded() -> None:
    """4000 rows: the same 2000 are asked about, with the same outcome; each way is told by size."""
    rows = people(REFERENCE, 1)
    assert asked(by_hours, rows) == asked(by_hours, rows)
    assert asked(by_hours, rows)[("sex", "hours")]["rows"] == MOST_ROWS


def test_proxies_are_ranked_by_what_they_tell() -> None:
    """Hours tell sex; income, rent and region do not."""
    table = pa.Table.from_pandas(ROWS[list(SPEC.columns.all)], preserve_index=False)
    found = proxies_of(SPEC, digest_batches(SPEC, table.to_batches()).sample, "sex")
    assert list(found) == ["hours"]
    assert 0.4 < found["hours"] < 0.7


def test_scores_that_are_no_numbers_are_no_answer() -> None:
    """NaN can become no share; what the sandbox refuses is passed on."""
    with pytest.raises(DataError, match="no numbers"):
        asked(lambda rows: rows["income"] * np.nan)

    def refuses(_: pd.DataFrame) -> Any:
        raise ArtefactError("altered. Register it anew.")

    with pytest.raises(ArtefactError):
        asked(refuses)
