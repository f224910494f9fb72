"""Playbooks: what is done about a kind of incident, step by step, and how each step is taken back.

A playbook is data (``policies/playbooks/*.yaml``); a step is a small verb of the workflow that several
playbooks share. The response DAG reads both: a new file is a new branch of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from amends.domain.reading import Reader
from amends.errors import PolicyError, SpecError

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
USES = re.compile(r"[a-z][a-z0-9_]*|[\w.]+:\w+")
NIST = re.compile(r"(GOVERN|MAP|MEASURE|MANAGE) [1-9]\.[1-9]\d?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a playbook.

    ``uses``: a step of the house by name, or ``package.module:NAME`` of a team's own.
    ``minutes``: how long it may take. ``options``: what this playbook tells the step.
    """

    name: str
    uses: str
    minutes: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """What is done about one kind of incident.

    ``success``: what has to hold in the end, in words. ``nist``: subcategories of the NIST AI Risk Management
    Framework that it carries out. ``review_by``: when people look at it again (it is reviewed quarterly).
    ``postmortem``: the questions that its postmortem answers.
    """

    name: str
    does: str
    owner: str
    nist: tuple[str, ...]
    review_by: date
    steps: tuple[Step, ...]
    success: tuple[str, ...]
    postmortem: tuple[str, ...]

    def step(self, name: str) -> Step:
        """A step by its name. :raises PolicyError: the playbook has none of that name."""
        for step in self.steps:
            if step.name == name:
                return step
        raise PolicyError(f"playbook {self.name!r} has no step {name!r}. It has: {_listed(self.steps)}.")

    def before(self, name: str) -> tuple[Step, ...]:
        """The steps up to and including one, last first: the order in which they are taken back."""
        done = self.steps[: self.steps.index(self.step(name)) + 1]
        return tuple(reversed(done))


def playbook_from_document(document: Any, where: str) -> Playbook:
    """Read a parsed YAML document as a playbook.

    :param where: the file's name, for messages.
    :raises PolicyError: an unknown or missing key, or a bad value.
    """
    try:
        return _read(Reader(document, where, ""))
    except SpecError as error:
        raise PolicyError(str(error).replace("the README's model spec", "policies/playbooks")) from None


def _read(top: Reader) -> Playbook:
    version = top.take("schema_version")
    if version != 1:
        raise PolicyError(f"{top.where}: schema_version is {version!r}; write schema_version: 1.")
    playbook = Playbook(
        name=top.matching("name", NAME, "a lower-case letter, then letters, digits or _"),
        does=top.text("does"),
        owner=top.text("owner"),
        nist=tuple(_nist(one, top.where) for one in top.texts("nist")),
        review_by=top.moment("review_by").date(),
        steps=tuple(_step(row, top.where) for row in top.take("steps")),
        success=top.texts("success"),
        postmortem=top.texts("postmortem"),
    )
    top.done()
    _check(playbook, top.where)
    return playbook


def _nist(text: str, where: str) -> str:
    if not NIST.fullmatch(text):
        raise PolicyError(f"{where}: nist names {text!r}; write a subcategory such as 'MANAGE 2.4'.")
    return text


def _step(row: Any, where: str) -> Step:
    read = Reader(row, where, "steps.")
    step = Step(
        name=read.matching("step", NAME, "a lower-case letter, then letters, digits or _"),
        uses=read.matching("uses", USES, "a step's name, or package.module:NAME"),
        minutes=read.positive("minutes"),
        options=dict(read.take("options", None) or {}),
    )
    read.done()
    return step


def _check(playbook: Playbook, where: str) -> None:
    for what in ("steps", "success", "postmortem", "nist"):
        if not getattr(playbook, what):
            raise PolicyError(f"{where}: {what} is empty. Give at least one.")
    names = [step.name for step in playbook.steps]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PolicyError(f"{where}: step {twice[0]!r} stands twice. Rename one.")


def _listed(steps: Iterable[Step]) -> str:
    return ", ".join(step.name for step in steps)
