"""The gate compares versions on the same rows, in whatever order, and refuses others."""

from typing import Any

import pyarrow as pa
import pytest
from amends.errors import DataError
from gate_story import judge, noisy
from lending import applicants, scored


def swapped(table: pa.Table, column: str, values: Any) -> pa.Table:
    """The table with another column."""
    return table.set_column(table.column_names.index(column), column, pa.array(values))


def test_rows_that_are_not_the_same_are_refused() -> None:
    """Missing rows, other ids, repeated or null ids, other or odd labels: one line that says the way out."""
    people = applicants(300)
    table = scored(people, people["truth"])
    ids = table.column("id").to_pylist()
    labels = table.column("label").to_pylist()
    for candidate, said in (
        (table.slice(0, 290), "lacks 10 of 300 and has 0 others"),
        (swapped(table, "id", ["x", *ids[1:]]), "lacks 1 of 300 and has 1 others"),
        (swapped(table, "id", [ids[1], *ids[1:]]), "repeat an id"),
        (swapped(table, "id", [None, *ids[1:]]), "have no 'id'"),
        (swapped(table, "label", [1 - labels[0], *labels[1:]]), "1 rows have another 'label'"),
        (swapped(table, "label", ["yes", *["no"] * 299]), "not always 0, 1 or null"),
        (swapped(table, "decision", [2, *[1] * 299]), "not always 0, 1 or null"),
        (table.drop_columns(["score"]), "lack column 'score'"),
        (table.append_column("score", table.column("score")), "column 'score' twice"),
    ):
        with pytest.raises(DataError, match=said) as error:
            judge(table, candidate)
        assert "\n" not in str(error.value)


def test_the_order_of_rows_and_repeated_features_do_not_matter() -> None:
    """A candidate file with only id, score, decision and label in another order is paired by id."""
    people = applicants(1000)
    table = scored(people, people["truth"])
    lean = table.select(["label", "score", "id", "decision"]).take(list(range(999, -1, -1)))
    assert judge(table, lean).document() == judge(table, table).document()


def test_the_same_rows_give_the_same_bytes() -> None:
    """Two runs agree to the last byte, intervals included; the digest changes with the candidate."""
    people = applicants(1500)
    champion, candidate = scored(people, people["truth"]), scored(people, noisy(people, 0.4))
    first, second = judge(champion, candidate), judge(champion, candidate)
    assert first.document() == second.document()
    assert first.digest == second.digest != judge(champion, champion).digest
