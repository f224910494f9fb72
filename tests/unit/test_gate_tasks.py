"""The gate for several classes and for regression: candidates good and bad in known ways."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from amends.domain.findings import Verdict
from amends.domain.spec import spec_from_document
from amends.errors import DataError
from gate_tasks import (
    BAD,
    BAD_CLASSES,
    BAD_ERRORS,
    CLASSES,
    ERRORS,
    GOOD,
    SEVERAL,
    TASKS,
    Make,
    Rows,
    decided,
    found,
    judge,
    judged,
    noisy,
    odds,
    off,
    predicted,
    prices,
    several,
    truth,
)


@pytest.mark.parametrize(("task", "name"), GOOD)
def test_a_good_candidate_is_blessed(task: str, name: str) -> None:
    """Candidates that an expert would pass are blessed."""
    verdict, _ = judged(task, *TASKS[task][3][name])
    assert verdict.blessed, verdict.reasons


@pytest.mark.parametrize(("task", "name"), BAD)
def test_a_bad_candidate_is_not_blessed(task: str, name: str) -> None:
    """Candidates that an expert would send back are refused, on a proven breach of the right measure."""
    champion, candidate, metric = TASKS[task][4][name]
    verdict, _ = judged(task, champion, candidate)
    assert not verdict.blessed
    breached = {one.metric for one in verdict.findings if one.is_breach}
    assert metric in breached or f"{metric}_change" in breached, (breached, verdict.reasons)


def test_the_table_is_large_enough_to_mean_something() -> None:
    """Thirty-four candidates, good or bad in a known way, of both tasks."""
    assert (len(GOOD), len(BAD)) == (12, 22)


@pytest.mark.parametrize("task", TASKS)
def test_measures_agree_with_scikit_learn(task: str) -> None:
    """Every measure of champion and candidate is that of another implementation."""
    from sklearn import metrics

    champion, candidate = (TASKS[task][4][next(iter(TASKS[task][4]))])[:2]
    spec, draw, table, *_ = TASKS[task]
    frame = draw(3000)
    tables = table(frame, champion(frame)), table(frame, candidate(frame))
    verdict = judge(spec, *tables)
    y, before, after = (tables[i].column(name).to_pandas() for i, name in
                        ((0, "label"), (0, "decision"), (1, "decision")))  # fmt: skip
    expected: dict[str, Any] = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "macro_f1": lambda a, b: float(metrics.f1_score(a, b, average="macro")),
    }
    if task == "errors":
        expected = {
            "mean_absolute_error": metrics.mean_absolute_error,
            "root_mean_squared_error": metrics.root_mean_squared_error,
            "r2": metrics.r2_score,
            "bias": lambda a, b: abs(float((a - b).mean())) / metrics.mean_absolute_error(y, before),
        }
    for name, oracle in expected.items():
        one = found(verdict, f"{name}_change")
        assert one.reference_value == pytest.approx(oracle(y, before), abs=1e-9, rel=1e-9)
        assert one.value == pytest.approx(oracle(y, after), abs=1e-9, rel=1e-9)


def test_an_error_is_judged_in_multiples_of_the_champions_and_told_in_the_labels_unit() -> None:
    """The limit is a twentieth above the champion's mean absolute error, whatever the unit is."""
    verdict, _ = judged("errors", *BAD_ERRORS["larger errors"][:2])
    one = found(verdict, "mean_absolute_error_change")
    assert one.reference_value is not None
    assert one.threshold == pytest.approx(1.05 * one.reference_value)
    assert one.reason.endswith("in multiples of the champion's")
    assert one.value is not None
    assert one.interval is not None
    assert one.interval[0] < one.value < one.interval[1]


def test_gaps_between_groups_agree_with_a_table_by_hand() -> None:
    """Several classes: the ratio of favourable shares; regression: means over the champion's deviation."""
    verdict, rows = judged("several", *BAD_CLASSES["a new gap in favourable decisions"][:2])
    frame = rows.to_pandas()
    shares = (frame["decision"] == "high").groupby(frame["sex"]).mean()
    one = found(verdict, "selection_rate_ratio", "sex")
    assert one.value == pytest.approx(shares.min() / shares.max())
    assert one.groups == ("f", "m")

    verdict, rows = judged("errors", *BAD_ERRORS["too low for a group"][:2])
    frame = rows.to_pandas()
    means = (frame["label"] - frame["decision"]).groupby(frame["sex"]).mean()
    spread = np.std(frame["label"] - truth(frame))
    assert found(verdict, "mean_error_difference", "sex").value == pytest.approx(
        (means.max() - means.min()) / spread
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_unit_of_labels_and_the_names_of_classes_do_not_matter(task: str) -> None:
    """A price in cents, or classes that are numbers, bless and refuse the same."""
    spec, draw, table, good, bad = TASKS[task]
    frame = draw(4000)
    for champion, candidate, *_ in (*good.values(), *list(bad.values())[:4]):
        plain = [table(frame, champion(frame)), table(frame, candidate(frame))]
        other = [pa.Table.from_pandas(renamed(task, one.to_pandas())) for one in plain]
        again = spec
        if task == "several":
            document = {**spec.document, "favourable_label": 0}
            again = spec_from_document(document, "m")
        assert judge(again, *other).blessed == judge(spec, *plain).blessed


def renamed(task: str, frame: Rows) -> Rows:
    """The same rows in another unit, or with numbers for classes."""
    if task == "errors":
        return frame.assign(**{name: frame[name] * 100 for name in ("label", "decision", "score")})
    numbers = {name: number for number, name in enumerate(CLASSES)}
    return frame.assign(**{name: frame[name].map(numbers) for name in ("label", "decision")})


@pytest.mark.parametrize("task", TASKS)
def test_too_little_evidence_is_no_blessing_and_says_how_much_would_do(task: str) -> None:
    """Sixty rows bless nobody; three hundred with noise say how many would tell."""
    equal = next(iter(TASKS[task][3].values()))
    verdict, _ = judged(task, *equal, rows=60)
    assert not verdict.blessed
    assert any("200 rows would do" in reason for reason in verdict.reasons)

    pair: dict[str, tuple[Make, Make]] = {
        "several": (lambda f: noisy(f, 1.0, 3), lambda f: noisy(f, 1.0, 4)),
        "errors": (lambda f: off(f, 2000, 3), lambda f: off(f, 2000, 4)),
    }
    verdict, _ = judged(task, *pair[task], rows=300)
    assert not verdict.blessed
    assert any("rows do not tell, about" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_rows_give_the_same_bytes(task: str) -> None:
    """Two runs agree to the last byte, whatever the order of the candidate's rows."""
    spec, draw, table, good, _ = TASKS[task]
    frame = draw(1500)
    champion, candidate = (table(frame, one(frame)) for one in good["a better candidate"])
    turned = candidate.take(list(range(1499, -1, -1)))
    assert judge(spec, champion, candidate).document() == judge(spec, champion, turned).document()


@pytest.mark.parametrize("task", TASKS)
def test_rows_that_do_not_fit_are_refused(task: str) -> None:
    """Another label in the candidate's file is no comparison."""
    spec, draw, table, good, _ = TASKS[task]
    frame = draw(300)
    champion = table(frame, good["an equal candidate"][0](frame))
    turned = champion.set_column(
        champion.column_names.index("label"), "label", [champion.column("label").to_pylist()[::-1]]
    )
    with pytest.raises(DataError, match="have another 'label'"):
        judge(spec, champion, turned)


def test_ids_in_the_place_of_classes_are_refused() -> None:
    """A label of its own for each of 3000 rows is no class: said in one line, with the way out."""
    frame = several(3000).assign(label=[f"c{i}" for i in range(3000)])
    with pytest.raises(DataError, match="more than 2000 are not compared"):
        judge(SEVERAL, decided(frame, odds(frame)), decided(frame, odds(frame)))


def test_a_label_that_is_no_number_is_refused() -> None:
    """A regression on texts is bad input, said in one line."""
    frame = prices(300).assign(label="a lot")
    with pytest.raises(DataError, match="'label' are no numbers"):
        judge(ERRORS, predicted(frame, truth(frame)), predicted(frame, truth(frame)))


def test_a_perfect_champion_is_still_compared() -> None:
    """Errors of 0 have no multiples: the same again is no worse, anything else cannot be blessed."""
    frame = prices(1000)
    perfect = predicted(frame, frame["label"])
    assert judge(ERRORS, perfect, perfect).blessed
    assert not judge(ERRORS, perfect, predicted(frame, truth(frame))).blessed


def test_labels_that_do_not_vary_have_no_explained_share() -> None:
    """R squared of a constant label is no number, and no number is no blessing."""
    frame = prices(1000).assign(label=1.0)
    verdict = judge(ERRORS, predicted(frame, np.ones(1000)), predicted(frame, np.ones(1000)))
    assert found(verdict, "r2_change").verdict is Verdict.INCONCLUSIVE
    assert not verdict.blessed
