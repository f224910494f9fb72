"""`amends trial`: a challenger on live rows, started, looked at, stopped or shown by a person."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amends.cli.database import Dsn, dsn_of
from amends.cli.sources import source_of
from amends.errors import BadInput

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.ports import Ledger, Services


class Action(StrEnum):
    """What to do with the model's trial."""

    START = "start"
    LOOK = "look"
    STOP = "stop"
    SHOW = "show"


Spec = Annotated[Path, typer.Option("--spec", help="The model's spec (YAML).")]
Incident = Annotated[
    str | None, typer.Option("--incident", help="start: the incident whose blessed candidate is tried.")
]
Mode = Annotated[str, typer.Option("--mode", help="start: shadow (answers nobody) or canary.")]
Share = Annotated[
    float | None, typer.Option("--share", help="start: share of rows that a canary answers, up to 0.5.")
]
Person = Annotated[
    str | None, typer.Option("--by", help="start, stop: who does it; the name stands in the ledger.")
]
Reason = Annotated[str | None, typer.Option("--reason", help="stop: why.")]
Log = Annotated[
    str | None, typer.Option("--log", help="look: libpq URL of the prediction log, if it is elsewhere.")
]
Registry = Annotated[
    str | None, typer.Option("--registry", envvar="MLFLOW_TRACKING_URI", help="start: MLflow's address.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def trial(
    action: Annotated[Action, typer.Argument(help="start, look, stop or show.")], *, spec: Spec,
    incident: Incident = None, mode: Mode = "shadow", share: Share = None, by: Person = None,
    reason: Reason = None, dsn: Dsn = None, log: Log = None, registry: Registry = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Try a blessed candidate on live rows: beside the champion, or answering a share; exit code 1 on a no.

    The model's scoring step scores the challenger while the trial runs; `look` is taken by the watch, too.

    Example: amends trial start --spec include/models/churn.yaml --incident churn-20260727-6a92f994 --by ada
    """
    from amends.adapters.files import load_spec

    model = load_spec(spec)
    starts = action is Action.START
    address = _given(registry, "--registry") if starts else ""
    services = _services(model, dsn_of(dsn), log=log, registry=address)
    if starts:
        asked = {"incident": _given(incident, "--incident"), "mode": mode, "share": share}
        said = _start(services, model, asked, _given(by, "--by"))
    elif action is Action.LOOK:
        said = _look(services, model)
    elif action is Action.STOP:
        said = _stop(services, model, _given(reason, "--reason"), _given(by, "--by"))
    else:
        said = _show(services.ledger, model)
    print(json.dumps(said) if as_json else "\n".join(_lines(said)))


def _given(value: str | None, option: str) -> str:
    if value is None or not value.strip():
        raise BadInput(f"trial: {option} is needed for this. Give {option}.")
    return value


def _start(services: "Services", model: "ModelSpec", asked: dict[str, Any], by: str) -> dict[str, Any]:
    from amends.workflow.trial_start import start

    if not services.ledger.events(incident=asked["incident"]):
        raise BadInput(
            f"incident {asked['incident']!r} is not in the ledger. `amends.incidents` there lists all ids."
        )
    return _told(start(services, model, **asked, actor=by).document())


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of a trial without its key: who knows it can choose ids that the challenger answers."""
    return {name: value for name, value in facts.items() if name not in {"key", "state"}}


def _look(services: "Services", model: "ModelSpec") -> dict[str, Any]:
    from amends.workflow.trial import look

    return _told(look(services, model) or {"trial": None})


def _stop(services: "Services", model: "ModelSpec", reason: str, by: str) -> dict[str, Any]:
    from amends.workflow.trial import stop

    return stop(services, model, reason=reason, actor=by)


def _show(ledger: "Ledger", model: "ModelSpec") -> dict[str, Any]:
    """The model's last trial: how it began, and the last that is known of it."""
    from amends.domain.trial import KINDS

    events = [event.payload for event in ledger.events(model=model.name, kinds=KINDS)]
    if not events:
        return {"trial": None}
    begun = [one for one in events if one["trial"] == events[-1]["trial"]]
    return _told({"outcome": None, **{name: value for one in begun for name, value in one.items()}})


def _lines(said: dict[str, Any]) -> list[str]:
    if said["trial"] is None:
        return ["no trial: start one with `amends trial start`."]
    from amends.domain.narrative_release import numbers

    words = [f"trial      {said['trial']}"]
    if "challenger" in said:
        words.append(f"challenger version {said['challenger']['version']}, {said['mode']}")
    if "outcome" in said:
        words.append(f"outcome    {said['outcome'] or 'still running'}")
    if said.get("reason"):
        words.append(f"because    {said['reason']}")
    return words + [f"           {line}" for line in numbers(said["found"])] if said.get("found") else words


def _services(model: "ModelSpec", dsn: str, *, log: str | None, registry: str) -> "Services":
    """The ports that a trial needs; what it does not need is never called."""
    from amends.adapters.bundle import bundle
    from amends.adapters.mlflow_registry import MlflowRegistry
    from amends.adapters.postgres import PostgresLedger
    from amends.cli.loading import rules_for
    from amends.measures.trial_rows import shadow_spec

    return bundle(
        rules_for(model, os.environ.get("AMENDS_POLICY")),
        ledger=PostgresLedger(dsn),
        registry=MlflowRegistry(registry),
        source=source_of(model, log or dsn),
        shadow=source_of(shadow_spec(model), log or dsn),
    )
