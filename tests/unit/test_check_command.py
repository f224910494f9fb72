"""`amends check` on files: the contract's document and exit codes, and one line for whatever is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from amends import cli
from amends.cli import check as check_command
from samples import LOGGED

pytestmark = pytest.mark.usefixtures("vendors")

HEAVY = {"pandas", "great_expectations", "fairlearn", "evidently", "sklearn", "scipy.stats"}


def table(seed: int, n: int = 1000, shift: float = 0.0) -> pa.Table:
    """Rows of a model that is right; ``shift`` moves its input."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 2, n)
    return pa.table(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "at": np.datetime64("2026-01-01", "s") + np.arange(n) * 60,
            "score": score,
            "predicted": (score >= 0.5).astype(np.int8),
            "label": (draw.random(n) < score).astype(np.int8),
            "income": draw.normal(shift, 1, n),
        }
    )


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, a reference, a healthy window and a drifted one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(LOGGED))
    for name, rows in {"ref": table(1), "good": table(2), "bad": table(3, shift=1.5)}.items():
        pq.write_table(rows, tmp_path / f"{name}.parquet")
    return tmp_path


def check(current: str, *more: str, reference: str = "ref.parquet", spec: str = "spec.yaml") -> int:
    """Run the command as a process would."""
    return cli.run(["check", "--spec", spec, "--reference", reference, "--current", current, *more])


@pytest.mark.usefixtures("files")
def test_a_healthy_window_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON document of the contract's keys, and nothing else on stdout."""
    assert check("good.parquet", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {"schema_version", "model", "code_version", "policy", "windows", "findings", "incident"} <= set(
        document
    )
    assert document["incident"] is None
    assert document["windows"]["current"]["rows"] == 1000
    assert document["windows"]["current"]["start"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.usefixtures("files")
def test_a_drifted_window_exits_1_and_names_the_column(capsys: pytest.CaptureFixture[str]) -> None:
    """For people as for programs."""
    assert check("bad.parquet") == 1
    said = capsys.readouterr().out
    assert "income shifted by" in said
    assert "rule drift-harmless" in said


@pytest.mark.usefixtures("files")
def test_near_misses_are_told_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    """`--explain` names the rule that fired, and what another one lacked; without it they stay out."""
    assert check("bad.parquet") == 1
    assert "nearly fired" not in capsys.readouterr().out
    assert check("bad.parquet", "--explain") == 1
    said = capsys.readouterr().out
    assert "rule drift-harmless fired: no condition; observe" in said
    assert "severity of data_drift: SEV3 by importance high" in said


@pytest.mark.usefixtures("files")
def test_a_rehearsing_check_and_an_accepted_risk_open_nothing(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document holds what would have been done, or who accepted it; exit code 0."""
    risk = {"category": "data_drift", "column": "income", "until": "2026-01-01", "reason": "r", "by": "ada"}
    for policy in ({"rehearse": ["data_drift"]}, {"accepted_risks": [risk]}):
        (files / "own.yaml").write_text(yaml.safe_dump({**LOGGED, "policy": policy}))
        assert check("bad.parquet", "--json", spec="own.yaml") == 0
        document = json.loads(capsys.readouterr().out)
        assert document["incident"] is None
        if "rehearse" in policy:
            assert document["rehearsed"]["would_have"]["category"] == "data_drift"
        else:
            assert document["accepted"][0]["risk"]["by"] == "ada"


@pytest.mark.usefixtures("files")
def test_two_runs_print_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """No time, no duration, no order that changes."""
    printed = []
    for _ in range(2):
        check("bad.parquet", "--json")
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_out_writes_the_report_and_the_assessment(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written is what was printed."""
    assert check("bad.parquet", "--json", "--out", "told") == 1
    assert (files / "told" / "assessment.json").read_text() == capsys.readouterr().out
    assert "<html" in (files / "told" / "report.html").read_text().lower()
    assert sorted(one.name for one in (files / "told").iterdir()) == ["assessment.json", "report.html"]


def test_digests_stand_for_rows(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reference and two halves of a window as digests give the findings that the rows give."""
    check("bad.parquet", "--json")
    by_rows = json.loads(capsys.readouterr().out)
    whole = pq.read_table(files / "bad.parquet")
    pq.write_table(whole.slice(0, 400), files / "a.parquet")
    pq.write_table(whole.slice(400), files / "b.parquet")
    assert cli.run(["digest", "--spec", "spec.yaml", "--data", "ref.parquet", "--out", "ref.digest"]) == 0
    for part in "ab":
        made = ["--data", f"{part}.parquet", "--like", "ref.digest", "--out", f"{part}.digest"]
        assert cli.run(["digest", "--spec", "spec.yaml", *made]) == 0
    capsys.readouterr()
    assert check("a.digest", "--current", "b.digest", "--json", reference="ref.digest") == 1
    by_digests = json.loads(capsys.readouterr().out)
    assert by_digests["windows"]["reference"] == by_rows["windows"]["reference"]
    assert by_digests["windows"]["current"]["rows"] == 1000
    assert [f["verdict"] for f in by_digests["findings"]] == [f["verdict"] for f in by_rows["findings"]]


def test_a_window_of_files_is_digested_alone(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a row a minute an hour has sixty, its end left out; the spec's own source needs no --data."""
    owned = {**LOGGED, "source": {"kind": "parquet", "path": str(files / "ref.parquet")}}
    (files / "owned.yaml").write_text(yaml.safe_dump(owned))
    for spec, data in (("spec.yaml", ["--data", "ref.parquet"]), ("owned.yaml", [])):
        span = ["--window", "2026-01-01T00:00:00Z/2026-01-01T01:00:00Z", "--out", "hour.digest"]
        assert cli.run(["digest", "--spec", spec, *data, *span]) == 0
        assert "hour.digest: 60 rows, sha256:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--data", "ref.parquet", "--window", "today"], "'today' is no span"),
        (["--data", "ref.digest", "--window", "2026-01-01/2026-01-02"], "ref.digest: a digest is whole"),
        ([], "nothing says where the rows of 'sample' are. Give --rows"),
    ],
)
def test_a_digest_of_nothing_is_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], given: list[str], told: str
) -> None:
    """What is wrong and the way out; nothing is written."""
    assert cli.run(["digest", "--spec", "spec.yaml", *given, "--out", "made.digest"]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert not (files / "made.digest").exists()


def _spoil(files: Path) -> dict[str, list[str]]:
    """Arguments that are wrong in one way each, by a piece of the line that has to be said."""
    (files / "text.parquet").write_text("id,at\n1,2\n")
    (files / "not.yaml").write_text("a: [")
    (files / "torn.digest").write_text('{"schema_version": 3}')
    (files / "typo.yaml").write_text(yaml.safe_dump({**LOGGED, "importence": "high"}))
    (files / "lacks.yaml").write_text(
        yaml.safe_dump({**LOGGED, "columns": {**LOGGED["columns"], "numeric": ["income", "wealth"]}})
    )
    (files / "nothing").mkdir()
    pq.write_table(table(4, n=0), files / "empty.parquet")
    pq.write_table(table(4).drop(["label"]), files / "unlabelled.parquet")
    good = ["--spec", "spec.yaml", "--reference", "ref.parquet", "--current"]
    return {
        "nope.parquet: no such Parquet file": [*good, "nope.parquet"],
        "nothing: no such Parquet file": [*good, "nothing"],
        "text.parquet: not a Parquet file": [*good, "text.parquet"],
        "has no rows": [*good, "empty.parquet"],
        "column 'label' of spec 'sample' is missing": [*good, "unlabelled.parquet"],
        "torn.digest: the digest is damaged": [*good, "torn.digest"],
        "not.yaml: not YAML at line": ["--spec", "not.yaml", *good[2:], "good.parquet"],
        "nope.yaml: no such file": ["--spec", "nope.yaml", *good[2:], "good.parquet"],
        "unknown key 'importence'": ["--spec", "typo.yaml", *good[2:], "good.parquet"],
        "column 'wealth'": ["--spec", "lacks.yaml", *good[2:], "good.parquet"],
        "Missing option '--current'": good[:-1],
        "No such option": [*good, "good.parquet", "--loud"],
    }


def test_bad_input_is_one_line_and_exit_code_2(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What, where, the way out; nothing on stdout and nothing written."""
    cases = _spoil(files)
    before = sorted(files.rglob("*"))
    for said, arguments in cases.items():
        assert cli.run(["check", *arguments, "--json", "--out", "told"]) == 2, said
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert said in err
    assert sorted(files.rglob("*")) == before


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("large", [False, True], ids=["beside the reading", "after it, as for large files"])
def test_what_a_check_has_no_use_for_is_not_loaded(large: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the process beside has the vendors and pandas, which Arrow would bring; the answer is the same."""
    arguments = ["check", "--spec", "spec.yaml", "--reference", "ref.parquet", "--current", "bad.parquet"]
    program = (
        "import sys; from amends import cli; from amends.cli import check\n"
        f"check.MANY_BYTES = {0 if large else check_command.MANY_BYTES}\n"
        f"code = cli.run({[*arguments, '--json']}); print(code, {{*sys.modules}} & {HEAVY}, file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stderr.splitlines()[-1] == "1 set()"
    assert check("bad.parquet", "--json") == 1
    assert told.stdout == capsys.readouterr().out


def test_large_files_have_the_same_page(files: Path) -> None:
    """It is drawn here, by what had to do without pandas while it read and judged."""
    arguments = ["check", "--spec", "spec.yaml", "--reference", "ref.parquet", "--current", "bad.parquet"]
    program = (
        "from amends import cli; from amends.cli import check\n"
        f"check.MANY_BYTES = 0; raise SystemExit(cli.run({[*arguments, '--out', 'large']}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert check("bad.parquet", "--out", "small") == 1
    for name in ("report.html", "assessment.json"):
        assert (files / "large" / name).read_bytes() == (files / "small" / name).read_bytes()


@pytest.mark.usefixtures("files")
def test_a_fault_of_our_own_is_one_line_and_exit_code_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs this at night reads a line and the way to more of it."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.delenv("AMENDS_DEBUG", raising=False)
    monkeypatch.setattr("amends.workflow.assess.assess", fail)
    assert check("good.parquet") == 3
    assert capsys.readouterr().err.startswith("amends: internal error: ZeroDivisionError")


def test_help_needs_no_heavy_library() -> None:
    """A command that only explains itself must not take seconds to start."""
    asked = "import sys, amends.cli as c; c.run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    for vendor in ("numpy", "pandas", "pyarrow", "great_expectations", "evidently", "mlflow", "airflow"):
        assert f"'{vendor}'" not in done.stderr, vendor
