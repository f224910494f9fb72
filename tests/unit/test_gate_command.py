"""`amends gate`: exit codes, one line on a failure, strict JSON, equal bytes."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from amends.cli import run
from lending import DOCUMENT, applicants, scored


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A spec, a reference, a champion and candidates as files."""
    people = applicants(1200)
    tables = {
        "reference": scored(applicants(1500, seed=5), applicants(1500, seed=5)["truth"]),
        "champion": scored(people, people["truth"]),
        "inverted": scored(people, 1 - people["truth"]),
        "short": scored(people, people["truth"]).slice(0, 1100),
        "empty": scored(people, people["truth"]).slice(0, 0),
    }
    paths = {name: tmp_path / f"{name}.parquet" for name in tables}
    for name, table in tables.items():
        pq.write_table(table, paths[name])
    paths["spec"] = tmp_path / "spec.yaml"
    paths["spec"].write_text(yaml.safe_dump(DOCUMENT))
    return {name: str(path) for name, path in paths.items()}


def gate(files: dict[str, str], candidate: str, *more: str) -> int:
    """Run the command on a candidate."""
    return run(
        [
            "gate", "--spec", files["spec"], "--reference", files["reference"],
            "--current", files["champion"], "--candidate", candidate, *more,
        ]
    )  # fmt: skip


def test_a_blessed_candidate_exits_0_with_one_strict_document(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output is one JSON document without NaN, the same bytes each time."""

    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is no strict JSON")

    assert gate(files, files["champion"], "--json") == 0
    first = capsys.readouterr().out
    answer = json.loads(first, parse_constant=refuse)
    assert answer["blessed"] is True
    assert answer["reasons"]
    assert {
        "category",
        "metric",
        "value",
        "reference_value",
        "threshold",
        "interval",
        "verdict",
        "reason",
    } <= set(answer["findings"][0])
    gate(files, files["champion"], "--json")
    assert capsys.readouterr().out == first


def test_a_refused_candidate_exits_1_with_its_reasons(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A person reads why, a line for each reason."""
    assert gate(files, files["inverted"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("small_lending: not blessed\n")
    assert "auc: 0." in said


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ("short", "the candidate lacks 100 of 1200"),
        ("empty", "no rows"),
        ("spec", "not a Parquet file"),
        ("nowhere", "no such Parquet file"),
    ],
)
def test_bad_input_exits_2_with_one_line(
    files: dict[str, str], candidate: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where and the way out stand on one line; nothing is printed as a result."""
    assert gate(files, files.get(candidate, "nowhere.parquet"), "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_out_writes_the_page_and_the_document(files: dict[str, str], tmp_path: Path) -> None:
    """The folder holds a page for people and the document that it shows, the same bytes each time."""
    out = tmp_path / "said"
    assert gate(files, files["inverted"], "--out", str(out)) == 1
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(first) == {"report.html", "validation.json"}
    document = json.loads(first["validation.json"])
    page = first["report.html"].decode()
    assert document["blessed"] is False
    assert "Not blessed" in page
    assert document["evidence"]["candidate"] in page
    assert document["decision_digest"] in page
    assert "<script" not in page
    gate(files, files["inverted"], "--out", str(out))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_a_folder_that_cannot_be_made_is_bad_input(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in its place is named on one line."""
    assert gate(files, files["champion"], "--out", files["spec"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
