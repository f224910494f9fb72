"""docker-compose.yaml, .env.example and Dockerfile as data, read the way Docker reads them."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<rule>:[?-])(?P<text>[^}]*))?\})")


class Unset(Exception):
    """A required variable is empty, as Compose would say before it starts anything."""


@cache
def compose() -> dict[str, Any]:
    """Return the compose file with its anchors resolved and its variables left as they are."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    return document


@cache
def tracked() -> frozenset[str]:
    """Return every file that git holds or would hold: what a fresh clone has."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return frozenset(listed.stdout.split("\n")) - {""}


def in_repository(path: str) -> bool:
    """Whether a relative path is a file, or a folder of files, of a fresh clone."""
    name = path.removeprefix("./").rstrip("/")
    return name in tracked() or any(file.startswith(f"{name}/") for file in tracked())


def settings(text: str) -> dict[str, str]:
    """Read a .env file: one NAME=value a line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def texts(node: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(node, Mapping):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def references(document: Any) -> dict[str, set[tuple[str, str]]]:
    """Every ``${NAME}`` in a document, with the rules (``:?`` message, ``:-`` default) given for it."""
    found: dict[str, set[tuple[str, str]]] = {}
    for text in texts(document):
        for match in VARIABLE.finditer(text):
            if match["name"]:
                found.setdefault(match["name"], set()).add((match["rule"] or "", match["text"] or ""))
    return found


def interpolate(node: Any, values: Mapping[str, str]) -> Any:
    """Put values in the place of ``${NAME}``. :raises Unset: a required one is empty."""
    if isinstance(node, Mapping):
        return {key: interpolate(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolate(value, values) for value in node]
    return VARIABLE.sub(lambda match: _value(match, values), node) if isinstance(node, str) else node


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    value = values.get(match["name"], "")
    if value:
        return value
    if match["rule"] == ":?":
        raise Unset(f"{match['name']}: {match['text']}")
    return match["text"] or ""


@cache
def dockerfile() -> tuple[tuple[str, str], ...]:
    """Return the Dockerfile's instructions, each with its arguments on one line."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return tuple((line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines)


def copied() -> dict[str, str]:
    """What the image takes from the repository: source -> place in the image."""
    places: dict[str, str] = {}
    for instruction, arguments in dockerfile():
        if instruction == "COPY":
            *sources, target = arguments.split()
            for source in sources:
                name = source if target == "./" else Path(target).name
                places[source] = f"/opt/amends/{name}"
    return places


def made() -> set[str]:
    """Folders that the image makes for what it will write."""
    runs = " ".join(arguments for instruction, arguments in dockerfile() if instruction == "RUN")
    return {path for path in runs.split() if path.startswith("/opt/")}
