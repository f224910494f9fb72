"""`amends release` and `amends notices` on a real ledger."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends.adapters.postgres import PostgresLedger
from amends.cli import run
from amends.domain.events import EventKind
from amends.workflow.remedies.quarantine import quarantine
from remedy_story import DOCUMENT, REFERENCE, SPEC, WINDOW, held_out, logs, opened, services

SPAN = f"{WINDOW.start:%Y-%m-%d}/{WINDOW.end:%Y-%m-%d}"


@pytest.fixture
def desk(fresh_dsn: Callable[[], str], tmp_path: Path) -> tuple[PostgresLedger, list[str]]:
    """A broken window in quarantine, its spec and rows as files; the ledger, and options that name all."""
    dsn = fresh_dsn()
    ledger = PostgresLedger(dsn)
    given = replace(services(logs("broken")), ledger=ledger)
    opened(given)
    quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    (tmp_path / "credit.yaml").write_text(yaml.safe_dump(DOCUMENT))
    held_out(logs("healthy"), REFERENCE).to_parquet(tmp_path / "reference.parquet")
    for name in ("healthy", "broken"):
        held_out(logs(name), WINDOW).to_parquet(tmp_path / f"{name}.parquet")
    options = ["--spec", str(tmp_path / "credit.yaml"), "--reference", str(tmp_path / "reference.parquet")]
    return ledger, [*options, "--window", SPAN, "--dsn", dsn, "--data", str(tmp_path / "healthy.parquet")]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command."""
    code = run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_release_checks_anew_and_records_who(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The bad rows are refused with exit code 1, the repaired ones released; both name what and why."""
    ledger, options = desk
    bad = [one.replace("healthy", "broken") for one in options]
    code, _, err = said(capsys, "release", *bad, "--by", "ada")
    assert (code, err.count("\n")) == (1, 1)
    assert "still fails" in err
    code, out, _ = said(capsys, "release", *options, "--by", "ada", "--json")
    assert code == 0
    assert json.loads(out)["recheck"]["passed"] is True
    assert ledger.events(kinds=[EventKind.WINDOW_RELEASED])[0].actor == "ada"
    code, _, err = said(capsys, "release", *options, "--by", "ada")
    assert (code, err.count("\n")) == (2, 1)
    assert "Held back: none" in err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--window", "yesterday"], "is no span"),
        (["--window", "2026-03-01/2026-02-01"], "is no span"),
        (["--by", " "], "Give --by"),
        (["--data", "nowhere.parquet"], "nowhere.parquet"),
    ],
)
def test_bad_input_to_release_is_one_line(
    desk: Any, capsys: pytest.CaptureFixture[str], wrong: list[str], message: str
) -> None:
    """What is wrong and the way out, exit code 2, and nothing is released."""
    ledger, options = desk
    kept = [
        one for pair in zip(options[::2], options[1::2], strict=True) if pair[0] not in wrong for one in pair
    ]
    by = [] if "--by" in wrong else ["--by", "ada"]
    code, _, err = said(capsys, "release", *kept, *by, *wrong)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert not ledger.events(kinds=[EventKind.WINDOW_RELEASED])


def test_a_source_that_nobody_named_is_asked_for(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Without files and without a source in the spec there is nothing to check."""
    _, options = desk
    code, _, err = said(capsys, "release", *options[:2], *options[4:8], "--by", "ada")
    assert code == 2
    assert "nothing says where the rows" in err


def test_notices_are_listed_and_acknowledged(desk: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 while one waits, 0 once it was read; who read it is on record."""
    ledger, options = desk
    dsn = options[options.index("--dsn") + 1]
    code, out, _ = said(capsys, "notices", "--consumer", "pricing", "--dsn", dsn, "--json")
    [one] = json.loads(out)["notices"]
    assert (code, one["event"], one["reason"]) == (1, "window_quarantined", "income in thousandths")
    number = str(one["number"])
    code, _, err = said(capsys, "notices", "--consumer", "pricing", "--acknowledge", number, "--dsn", dsn)
    assert (code, err.count("\n")) == (2, 1)
    arguments = ["--consumer", "pricing", "--acknowledge", number, "--by", "ada", "--dsn", dsn]
    assert said(capsys, "notices", *arguments)[0] == 0
    code, out, _ = said(capsys, "notices", "--consumer", "pricing", "--dsn", dsn)
    assert code == 0
    assert "(read by ada)" in out
    assert ledger.verify().intact
    code, out, _ = said(capsys, "notices", "--consumer", "nobody", "--dsn", dsn)
    assert (code, out) == (0, "nobody: no notices.\n")
