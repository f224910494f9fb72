"""Whatever `amends check` is given: verdicts in strict JSON, or one line that names place and remedy."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from amends import cli
from malformed import BAD, CURRENT, SPEC, Told, healthy
from malformed_files import DIGESTS, FILES, REFERENCES, SPECS, TEXTS, spoil_digest
from oracle import one_line, strict

pytestmark = pytest.mark.usefixtures("vendors")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, a healthy reference and a healthy window."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMENDS_DEBUG", raising=False)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    pq.write_table(pa.table(healthy(0)), "ref.parquet")
    pq.write_table(pa.table(healthy(1)), "cur.parquet")
    return tmp_path


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process: exit code, stdout, stderr."""
    given = {"--spec": "spec.yaml", "--reference": "ref.parquet", "--current": "cur.parquet"}
    given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    code = cli.run(["check", *(part for pair in given.items() for part in pair), "--json"])
    return code, *capsys.readouterr()


def is_told(told: Told, code: int, out: str, err: str) -> dict[str, Any]:
    """Hold an answer to the contract and to what was expected of it."""
    assert code == told.code, err or _breaches(out)
    if code == BAD:
        assert out == ""
        assert err.startswith("amends: ")
        one_line(err)
        assert all(piece in err for piece in told.about), err
        return {}
    document = strict(out)
    found = {
        (finding["verdict"], name)
        for finding in document["findings"]
        for name in (finding["column"], finding["attribute"])
        if isinstance(name, str)
    }
    assert set(told.about) <= found, _breaches(out)
    return document


def _breaches(out: str) -> list[str]:
    findings = json.loads(out)["findings"] if out else []
    return [f"{one['verdict']} {one['metric']}: {one['reason'][:120]}" for one in findings
            if one["verdict"] != "pass"]  # fmt: skip


@pytest.mark.parametrize("case", CURRENT)
def test_a_malformed_window_is_judged_or_refused(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was expected by hand is what is said of it."""
    change, told = CURRENT[case]
    pq.write_table(pa.table(change(healthy(1))), folder / "cur.parquet")
    is_told(told, *checked(capsys))


@pytest.mark.parametrize("case", REFERENCES)
def test_a_malformed_reference_is_judged_or_refused(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A healthy window beside a reference that cannot be what was meant."""
    change, told = REFERENCES[case]
    pq.write_table(pa.table(change(healthy(0))), folder / "ref.parquet")
    is_told(told, *checked(capsys))


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_none_is_named(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong with the file stands in the line, with its name."""
    make, told = FILES[case]
    make(folder / "cur.parquet")
    is_told(told, *checked(capsys))


@pytest.mark.parametrize("case", SPECS)
def test_a_wrong_spec_names_its_key(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key and what to write there stand in the line."""
    make, told = SPECS[case]
    (folder / "spec.yaml").write_text(yaml.safe_dump(make()))
    is_told(told, *checked(capsys))


@pytest.mark.parametrize("case", TEXTS)
def test_a_spec_that_is_no_yaml_is_named(case: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in the file is run, and the line says where it stops being YAML."""
    text, told = TEXTS[case]
    (folder / "spec.yaml").write_bytes(text)
    is_told(told, *checked(capsys))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("case", DIGESTS)
def test_a_damaged_digest_is_refused(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A digest that was cut, edited or made by another spec judges nothing."""
    change, told = DIGESTS[case]
    spoil_digest(change)
    capsys.readouterr()
    is_told(told, *checked(capsys, "--reference", "ref.digest", "--current", "cur.digest"))


AS_PROCESS = ["number: infinite", "time: numbers", "schema: no rows", "group: markup"]


@pytest.mark.parametrize("case", AS_PROCESS)
def test_a_process_of_its_own_says_the_same(case: str, folder: Path) -> None:
    """The same through the command itself: nothing but the document or the line is printed."""
    change, told = CURRENT[case]
    pq.write_table(pa.table(change(healthy(1))), folder / "cur.parquet")
    given = ["--spec", "spec.yaml", "--reference", "ref.parquet", "--current", "cur.parquet", "--json"]
    program = f"import sys; sys.path[:0] = {sys.path!r}; import amends.cli as c; c.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "check", *given], capture_output=True, text=True, check=False,
        env={**os.environ, "AMENDS_DEBUG": ""},
    )  # fmt: skip
    is_told(told, done.returncode, done.stdout, done.stderr)


def test_there_are_enough_of_them() -> None:
    """Well over the sixty that were asked for, each with an expectation of its own."""
    cases = (CURRENT, REFERENCES, FILES, SPECS, TEXTS, DIGESTS)
    assert sum(map(len, cases)) > 180
