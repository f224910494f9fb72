"""What a step of a playbook is: its words, what it does, and its way back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from amends.domain.playbook import Step
from amends.errors import PolicyError

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.ports import Services

Facts: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWords:
    """What a step does and what takes it back, in words: for the DAG's page."""

    does: str
    way_back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKind(StepWords):
    """A verb that playbooks share.

    ``run(services, spec, incident, options)`` does it, safely twice, and returns small facts (JSON).
    ``undo(services, spec, incident, facts)`` takes back what those facts say was done.
    ``unmet(facts)`` says why the step did not reach what it is for; an empty text where it did.
    """

    run: "Callable[[Services, ModelSpec, str, Facts], Facts]"
    undo: "Callable[[Services, ModelSpec, str, Facts], None]"
    unmet: Callable[[Facts], str] = lambda _: ""


Known = TypeVar("Known", bound=StepWords)


def kind_of(step: Step, house: Mapping[str, Known]) -> Known | StepKind:
    """Find what a step does: a step of the house, or a team's own ``package.module:NAME``.

    :param house: its steps; or, where nothing is to be done, their words.
    :raises PolicyError: there is none of that name, or what is there is no :class:`StepKind`.
    """
    if step.uses in house:
        return house[step.uses]
    module, _, name = step.uses.partition(":")
    if not name:
        raise PolicyError(
            f"step {step.name!r} uses {step.uses!r}, which the house has not. It has: {', '.join(house)}."
        )
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise PolicyError(
            f"step {step.name!r} uses {step.uses!r}, which is not there. Install it, or correct it."
        ) from None
    if not isinstance(found, StepKind):
        raise PolicyError(
            f"step {step.name!r}: {step.uses} is no StepKind. Make it one; see the platform runbook."
        )
    return found
