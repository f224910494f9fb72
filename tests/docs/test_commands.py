"""Each command's own help and the README say the same."""

import re

import click
import pytest
import typer
from amends import cli
from documents import page, section

HELP: dict[str, click.Command] = typer.main.get_command(cli.application(list(cli.COMMANDS))).commands  # type: ignore[attr-defined]
TABLE = section(page("README.md"), "The commands")


def test_the_readme_has_every_command() -> None:
    """The table names exactly the commands that `amends --help` lists."""
    named = re.findall(r"^\| `amends (\w+)[^`]*` \|", TABLE, re.MULTILINE)
    assert sorted(named) == sorted(cli.COMMANDS) == sorted(HELP)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_the_readme_says_what_the_help_says(name: str) -> None:
    """The first line of a command's help is its line in the table."""
    first = (HELP[name].help or "").strip().splitlines()[0]
    row = next(line for line in TABLE.splitlines() if line.startswith(f"| `amends {name}"))
    assert first in row.replace("\\|", "|")


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_a_help_text_has_an_example_that_parses(name: str) -> None:
    """Each command shows one call of itself, with options that it has."""
    text = " ".join((HELP[name].help or "").split())
    example = text.partition(f"Example: amends {name}")[2]
    assert f"Example: amends {name}" in text
    known = {option for parameter in HELP[name].params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", example)) <= known


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_option_is_explained(name: str) -> None:
    """No option without a word of help."""
    for parameter in HELP[name].params:
        assert getattr(parameter, "help", None) or parameter.param_type_name == "argument", parameter.name


def test_the_readme_has_the_exit_codes() -> None:
    """0, 1, 2, 3 as the code has them."""
    codes = dict(re.findall(r"^\| (\d) \| (.*?) \|", TABLE, re.MULTILINE))
    assert set(codes) == {str(code) for code in (cli.HEALTHY, cli.FOUND, cli.BAD_INPUT, cli.INTERNAL)}


def test_every_amends_call_in_the_readme_is_a_command() -> None:
    """No page calls a command that is not there."""
    for name in ("README.md", "docs/runbooks/operator.md", "docs/runbooks/platform.md"):
        for command in re.findall(r"(?:`|^    )amends ([a-z]+)", page(name), re.MULTILINE):
            assert command in cli.COMMANDS, f"{name}: amends {command}"


def test_every_call_in_the_readme_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each indented `amends` call of the README is accepted, word by word, by the command's own parser."""
    monkeypatch.setenv("AMENDS_DSN", "postgresql://amends_app@localhost/amends")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    calls = re.findall(r"^    amends (.+)$", page("README.md"), re.MULTILINE)
    assert len(calls) >= 5
    for name, *words in (call.split() for call in calls):
        HELP[name].make_context(name, words)
