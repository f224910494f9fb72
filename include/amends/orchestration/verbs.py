"""The workflow's verbs, each module loaded when a task first calls one of its: parsing a DAG loads none."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amends.workflow import (
        approve,
        diagnose,
        expiry,
        freeze,
        monitor,
        narrate,
        opening,
        play,
        remediate,
        respond,
        steps,
        trial,
        watch,
    )

__all__ = [
    "approve",
    "diagnose",
    "expiry",
    "freeze",
    "monitor",
    "narrate",
    "opening",
    "play",
    "remediate",
    "respond",
    "steps",
    "trial",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    return import_module(f"amends.workflow.{name}")
