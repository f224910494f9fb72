"""Which ledger a command takes: the one that is named, else that of the stack that is up in this folder."""

import os
from pathlib import Path

import pytest
from amends.cli import run
from amends.cli.database import dsn_of
from amends.errors import BadInput
from amends.stack.processes import Known
from amends.stack.state import Phase
from stack_home import stack

SPEC = Path(__file__).parents[2] / "include" / "models" / "lending.yaml"
LONG_AGO = Known(os.getpid(), 0.0)
"""A process of our id that ended: ours began later."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project, and no ledger in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMENDS_DSN", raising=False)


@pytest.mark.parametrize("home", [".amends", ".amends/demo"])
def test_a_stack_that_is_up_here_is_found(home: str) -> None:
    """Of `amends up` and of `amends demo`, as the role that appends and reads."""
    known = stack(home)
    secret, port = known.database_passwords["amends_app"], known.ports["postgres"]
    assert dsn_of(None) == f"postgresql://amends_app:{secret}@127.0.0.1:{port}/amends"


def test_a_ledger_that_is_named_goes_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--dsn` and AMENDS_DSN are not overruled by a stack that happens to be up."""
    stack(".amends")
    assert dsn_of("postgresql://elsewhere/amends") == "postgresql://elsewhere/amends"
    monkeypatch.setenv("AMENDS_DSN", "postgresql://127.0.0.1:1/amends")
    assert run(["verify"]) == 2
    assert "PostgreSQL at 127.0.0.1:1/amends" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("phase", "supervisor"), [("starting", None), ("failed", None), ("ending", None), ("up", LONG_AGO)]
)
def test_a_stack_that_is_not_up_is_not_taken(phase: Phase, supervisor: Known | None) -> None:
    """Neither one that starts, failed or ends, nor one whose supervisor was killed."""
    stack(".amends", phase, supervisor)
    with pytest.raises(BadInput, match="no stack is up"):
        dsn_of(None)


def test_two_stacks_are_not_guessed_between() -> None:
    """Both are named, and how to choose."""
    stack(".amends")
    stack(".amends/demo")
    with pytest.raises(BadInput, match=r"2 stacks are up here: \.amends, \.amends/demo\. Give --dsn"):
        dsn_of(None)


@pytest.mark.parametrize(
    "command",
    [
        "explain i-1", "replay i-1", "report i-1", "close i-1 --by ada --reason over", "verify",
        "notices --consumer pricing", f"trial show --spec {SPEC}",
        f"adopt --spec {SPEC} --version 1 --by ada --registry http://127.0.0.1:1",
        f"release --spec {SPEC} --window 2026-02-10/2026-02-17 --by ada",
    ],
)  # fmt: skip
def test_without_a_ledger_every_command_says_the_same(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2: neither a name nor a stack, and three ways out."""
    assert run(command.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "amends: no ledger is named, and no stack is up in .amends or .amends/demo. Give --dsn, set "
        "AMENDS_DSN to the ledger's libpq URL, or start one with `amends up`.\n"
    )
