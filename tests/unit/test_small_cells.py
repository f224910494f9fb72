"""Groups of under 11 people are neither named nor counted, nor left to be subtracted."""

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from amends import cli
from amends.domain.findings import Finding
from group_rows import judged, one, people, spec

pytestmark = pytest.mark.filterwarnings(
    "ignore:module 'sre_constants' is deprecated:DeprecationWarning"  # great_expectations imports it
)

RARE = "Quokkish"
FEW = 7
ROWS = 2000


def rows(seed: int, few: int = FEW) -> pa.Table:
    """Healthy decisions about people of two groups and seven people of a third."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 2, ROWS)
    origin = np.where(np.arange(ROWS) < few, RARE, draw.choice(["Emuish", "Wombatish"], ROWS))
    return pa.table(
        {
            "id": [f"{seed}-{i}" for i in range(ROWS)],
            "at": np.datetime64("2026-01-01", "s") + np.arange(ROWS) * 60,
            "score": score,
            "decision": (score >= 0.5).astype(np.int8),
            "label": (draw.random(ROWS) < score).astype(np.int8),
            "origin": origin,
            "sex": draw.choice(["f", "m"], ROWS),
        }
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The document and the page of `amends check` on such a window."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "spec.yaml").write_text(yaml.safe_dump(dict(spec("origin", "sex").document)))
    for name, table in {"ref": rows(1), "now": rows(2)}.items():
        pq.write_table(table, folder / f"{name}.parquet")
    files = [
        f"--{word}={folder / f'{name}.parquet'}" for word, name in (("reference", "ref"), ("current", "now"))
    ]
    cli.run(["check", "--spec", str(folder / "spec.yaml"), *files, "--out", str(folder / "out"), "--json"])
    document = json.loads((folder / "out" / "assessment.json").read_text())
    return document, (folder / "out" / "report.html").read_text()


def test_the_document_neither_names_nor_counts_a_small_group(told: tuple[dict[str, Any], str]) -> None:
    """Its name is nowhere; no finding says 7, or the 1993 rows that leave 7 of the window's 2000."""
    document, _ = told
    assert RARE not in json.dumps(document)
    fairness = [each for each in document["findings"] if each["category"] == "fairness"]
    assert "(under 11 rows)" in " ".join(each["reason"] for each in fairness)
    for each in fairness:
        assert each["n"] not in {FEW, ROWS - FEW}
        assert not re.search(rf"\b({FEW}|{ROWS - FEW}) (rows|people)", each["reason"])


def test_the_page_neither_names_nor_counts_a_small_group(told: tuple[dict[str, Any], str]) -> None:
    """The page's data, the bias section among them: the name is nowhere, and neither is the count."""
    _, page = told
    data = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)
    assert data
    assert RARE not in data[1]
    bias = next(
        widget for widget in json.loads(data[1])["dashboard"]["widgets"] if "Bias" in str(widget.get("title"))
    )
    shown = json.dumps(bias)
    assert "(under 11 rows)" in shown
    assert str(ROWS - FEW) not in shown


def test_the_rest_of_two_groups_is_not_left_to_be_subtracted() -> None:
    """996 of 1000 rows would say that the third group has 4: n is withheld. With 20 it is told."""
    for few, n in ((4, None), (20, 2000)):
        frame = people(
            {("f",): (250, 250, 250, 250), ("m",): (250, 250, 250, 250), ("x",): (few, 0, 0, 0)}, "sex"
        )
        assert one(judged(spec("sex"), frame, frame), "selection_rate_ratio").n == n


def test_neither_is_the_rest_of_a_class() -> None:
    """Both groups' good payers are all but three of the window's."""
    frame = people({("f",): (250, 250, 250, 250), ("m",): (250, 250, 250, 250), ("x",): (3, 0, 5, 12)}, "sex")
    found = judged(spec("sex"), frame, frame)
    assert one(found, "selection_rate_ratio").n == 2000
    assert one(found, "true_positive_rate_difference").n is None


def test_of_two_groups_one_of_which_is_small_neither_is_counted() -> None:
    """The count of the large one and the window's size would give the small one away."""
    frame = people({("f",): (250, 250, 250, 250), ("x",): (3, 2, 2, 2)}, "sex")
    for each in judged(spec("sex"), frame, frame):
        assert (each.n, each.groups, each.value) == (None, (), None)
        assert "left out, under" not in each.reason or "(under 11 rows)" in each.reason
        assert not re.search(r"\b(9|1000|1009|x)\b", each.reason)


def numbers(found: list[Finding]) -> list[int]:
    """Rows that findings rest on."""
    return [each.n for each in found if each.n is not None]


def test_no_policy_lets_a_rate_rest_on_fewer() -> None:
    """A limit of one row is read as eleven."""
    frame = people({("f",): (50, 50, 50, 50), ("m",): (50, 50, 50, 50), ("x",): (2, 2, 2, 2)}, "sex")
    found = judged(spec("sex"), frame, frame, min_group=1, min_class=1)
    assert not [each for each in found if "x" in each.groups or " x" in each.reason]
    assert all(n >= 22 for n in numbers(found))
    frame = people({("f",): (50, 50, 50, 50), ("x",): (3, 3, 30, 30)}, "sex")
    found = judged(spec("sex"), frame, frame, min_group=1, min_class=1)
    assert one(found, "selection_rate_ratio").groups
    assert one(found, "true_positive_rate_difference").groups == ()
