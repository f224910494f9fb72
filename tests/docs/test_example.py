"""The README's document is what `amends check --json` prints of the demo's window that goes wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from amends.cli import run
from demo_log import PATH, demo_log
from documents import blocks, page

CUT = "sha256:..."
DIGITS = 4


@pytest.mark.usefixtures("vendors")
def test_the_readme_shows_a_part_of_what_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every value that the README shows is one that a run gives: lists in part, numbers to four digits."""
    files = [tmp_path / "reference.parquet", tmp_path / "current.parquet"]
    for rows, file in zip(demo_log(), files, strict=True):
        rows.to_parquet(file)
    words = ["check", "--spec", PATH, "--reference", files[0], "--current", files[1], "--json"]
    assert run([str(word) for word in words]) == 1
    printed = json.loads(capsys.readouterr().out)
    (shown,) = (json.loads(block) for block in blocks(page("README.md"), "json"))
    assert not list(unlike("", shown, printed))


def unlike(where: str, shown: Any, printed: Any) -> Any:
    """Places in which a shown value is not of what was printed."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            yield from unlike(f"{where}.{key}", value, printed[key])
    elif isinstance(shown, list) and (not isinstance(printed, list) or bool(shown) != bool(printed)):
        yield where
    elif isinstance(shown, list):
        for item in shown:
            if all(list(unlike(where, item, one)) for one in printed):
                yield f"{where}: {item}"
    elif shown == CUT:
        if not str(printed).startswith(CUT.removesuffix("...")):
            yield where
    elif (round(printed, DIGITS) if isinstance(printed, float) else printed) != shown:
        yield f"{where}: {shown}, printed {printed}"
