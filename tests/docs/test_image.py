"""The image holds every command, module and path that docker-compose.yaml names."""

import importlib.util
import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from compose_file import ROOT, compose, copied, dockerfile, in_repository, made, texts

SERVICES = compose()["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
# What the public images of PostgreSQL and Redis bring along.
THEIRS = {"postgres": {"pg_isready"}, "redis": {"redis-server", "redis-cli"}}
PARSES_AIRFLOW = """
import json, sys
from airflow.cli.cli_parser import get_parser
parser = get_parser()
for command in json.loads(sys.argv[1]):
    parser.parse_args(command)
"""
PARSES_MLFLOW = """
import json, sys
from mlflow.cli import cli
for name, *arguments in json.loads(sys.argv[1]):
    cli.commands[name].make_context(name, arguments)
"""


def _commands(service: dict[str, Any]) -> list[list[str]]:
    """A service's command and its health check, as argument lists."""
    kind, *test = service["healthcheck"]["test"] if "healthcheck" in service else ("CMD",)
    checks = [test[0].split() if kind == "CMD-SHELL" else test] if test else []
    return [command for command in ([service["command"]] if "command" in service else []) + checks if command]


OUR_COMMANDS = [command for service in OURS.values() for command in _commands(service)]


def _locked() -> set[str]:
    text = (ROOT / "requirements.txt").read_text()
    return {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


def _scripts() -> set[str]:
    """Console scripts of what the image installs: the locked set, and this package."""
    installed = _locked() | {"amends"}
    return {
        entry.name
        for distribution in distributions()
        if distribution.name.lower().replace("_", "-") in installed
        for entry in distribution.entry_points
        if entry.group == "console_scripts"
    }


def test_the_image_takes_only_what_a_fresh_clone_has() -> None:
    """Each COPY source is in the repository, and .dockerignore lets it through."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied()) == let_in
    assert all(in_repository(source) for source in copied())


def test_the_image_installs_the_locked_set_and_the_package_without_resolving() -> None:
    """What is tested is what runs: both installs leave dependencies alone, and pip checks the set."""
    installs = [text for kind, text in dockerfile() if kind == "RUN" and "pip install" in text]
    assert len(installs) == 2
    assert all("--no-deps" in text for text in installs)
    assert "-r requirements.txt" in installs[0]
    assert "pip check" in installs[0]


def test_the_image_runs_as_nobody_special() -> None:
    """The last USER is a plain number that is not root's, so that Kubernetes can check it too."""
    assert [text for kind, text in dockerfile() if kind == "USER"][-1].split(":")[0] == "50000"


def test_the_image_is_tested_python() -> None:
    """The base image's Python is one that the package supports."""
    (base,) = [text for kind, text in dockerfile() if kind == "FROM"]
    assert base == "python:3.12-slim-bookworm"
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("command", OUR_COMMANDS, ids=lambda command: " ".join(command[:4]))
def test_the_image_has_the_command(command: list[str]) -> None:
    """The first word is a console script of the locked set; a module after `python -m` is there."""
    program, *arguments = command
    if program != "python":
        assert program in _scripts()
    elif arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]) is not None
    else:
        assert arguments[0] == "-c"
        compile(arguments[1], "health check", "exec")


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_public_images_have_the_command(name: str) -> None:
    """PostgreSQL and Redis run what their images bring along."""
    assert {command[0] for command in _commands(SERVICES[name])} <= THEIRS[name]
    assert SERVICES[name]["image"].startswith(f"{name}:")


@pytest.mark.parametrize(("program", "script"), [("airflow", PARSES_AIRFLOW), ("mlflow", PARSES_MLFLOW)])
def test_the_program_knows_subcommand_and_options(program: str, script: str, tmp_path: Path) -> None:
    """Airflow's and MLflow's own parsers accept each command line, word by word."""
    lines = [[word.replace("${", "{") for word in rest] for first, *rest in OUR_COMMANDS if first == program]
    assert lines
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(lines)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_celery_finds_airflows_application() -> None:
    """The worker's health check asks the application that the worker runs."""
    (module,) = {re.search(r"--app (\S+)", text)[1] for text in texts(OURS) if "--app " in text}  # type: ignore[index]
    package, attribute = module.rsplit(".", 1)
    assert attribute == "app"
    assert importlib.util.find_spec(package) is not None


def test_every_path_in_the_image_is_there() -> None:
    """A path that a service names lies in what the image copies or makes; named volumes on made folders."""
    there = made() | set(copied().values())
    for text in texts(OURS):
        for path in re.findall(r"/opt/[\w/.-]+", text):
            assert any(path == place or path.startswith(f"{place}/") for place in there), path
    for service in OURS.values():
        for mount in service["volumes"]:
            source, target, *_ = mount.split(":")
            assert source.startswith(".") or target in made(), f"{target} would belong to root"


def test_folders_inside_what_is_copied_exist() -> None:
    """A path below a copied folder is a path of the repository."""
    for text in texts(OURS):
        for path in re.findall(r"/opt/amends/([\w/.-]+)", text):
            assert in_repository(path), path


def test_the_shared_state_folders_are_mounted_where_airflow_writes() -> None:
    """Logs are shared by the services that write them and the one that shows them."""
    for name in set(OURS) - {"mlflow"}:
        assert "airflow-logs:/opt/airflow/logs" in OURS[name]["volumes"]
