"""The house's steps: what packaged playbooks are made of, each with its way back and its criterion."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from amends.domain.events import EventKind
from amends.domain.findings import Category, Finding
from amends.domain.incident import Incident
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError, SpecError
from amends.measures.mitigation import PARITY
from amends.ports import Services
from amends.workflow import respond
from amends.workflow.candidates import keep_candidate, withdraw
from amends.workflow.expiry import MASK_DAYS
from amends.workflow.house import WORDS
from amends.workflow.monitor import reference_digest
from amends.workflow.playbooks import Facts, StepKind
from amends.workflow.remediate import frozen_champion, until
from amends.workflow.remedies import (
    mask,
    mitigate_bias,
    quarantine,
    recalibrate,
    retrain,
    revalidate,
)
from amends.workflow.respond import incident_of, record

Run: TypeAlias = Callable[[Services, ModelSpec, str, Facts], Facts]

ERROR_RATES = ("true_positive_rate_difference", "false_positive_rate_difference", "equalized_odds_difference")


def watch_on(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Close what asks for nothing more; leave it to the watch where production was rolled back."""
    del options
    return {"closed": respond.close_quiet(services, spec, incident)}


def hand_to_people(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Record who goes on, and with which playbooks."""
    del options
    return respond.hand_to_people(services, spec, incident)


def train(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Fit a version on recent labelled rows; those since the window began are tried by themselves, too."""
    del options
    found = incident_of(services.ledger, incident)
    made = retrain.retrain(
        services, spec, incident=incident, until=until(services, spec, found),
        parent=frozen_champion(services, spec, incident),
        without=quarantine.left_out(services.ledger, spec.name), recent=found.window,
    )  # fmt: skip
    return keep_candidate(services, spec, incident, made)


def train_without(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Fit a version that was never shown the broken inputs."""
    found = incident_of(services.ledger, incident)
    made = retrain.retrain(
        services, spec, incident=incident, until=until(services, spec, found),
        parent=frozen_champion(services, spec, incident),
        dropped=masked_columns(services, spec, found, options),
    )  # fmt: skip
    return keep_candidate(services, spec, incident, made)


def mask_inputs(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Wrap the serving version so that it is given something else for the broken inputs."""
    found = incident_of(services.ledger, incident)
    window = _window(found)
    columns = masked_columns(services, spec, found, options)
    made = mask.mask(
        services, services.imputer, spec, incident=incident, parent=frozen_champion(services, spec, incident),
        columns=columns, reference=_reference(spec), window=window,
        expires=window.end + timedelta(days=options.get("days", MASK_DAYS)),
        guess=not set(columns) & set(spec.columns.sensitive),
    )  # fmt: skip
    return keep_candidate(services, spec, incident, made)


def recalibrate_scores(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Wrap the serving version in a map of its scores that was fitted to what happened lately."""
    del options
    found = incident_of(services.ledger, incident)
    made = recalibrate.recalibrate(
        services, spec, incident=incident, parent=frozen_champion(services, spec, incident),
        window=_window(found), without=quarantine.left_out(services.ledger, spec.name),
    )  # fmt: skip
    return keep_candidate(services, spec, incident, made)


def mitigate(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Build versions under a parity constraint; register the one that keeps the limit at the least cost."""
    found = incident_of(services.ledger, incident)
    attribute, metric = _gap(services, spec, found)
    constraint = options.get("constraint", "equalized_odds" if metric in ERROR_RATES else PARITY)
    made = mitigate_bias.mitigate_bias(
        services, services.mitigator, spec, incident=incident, until=until(services, spec, found),
        parent=frozen_champion(services, spec, incident), attribute=attribute, constraint=constraint,
        without=quarantine.left_out(services.ledger, spec.name),
        at_scoring=bool(options.get("at_scoring", False)),
    )  # fmt: skip
    return keep_candidate(services, spec, incident, made)


def quarantine_rows(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Mark the window's rows as not to be learnt from, and tell each consumer through the outbox."""
    del options
    found = incident_of(services.ledger, incident)
    window, reason = _window(found), found.call.because[-1]
    held = quarantine.quarantine(services, spec, incident=incident, window=window, reason=reason)
    return {"window": window.document(), "held": held, "told": list(spec.consumers)}


def _release(services: Services, spec: ModelSpec, incident: str, facts: Facts) -> None:
    quarantine.release(
        services, spec, incident=incident, window=Window.from_document(facts["window"]),
        reason="the playbook was taken back", data=incident, actor="amends",
    )  # fmt: skip


def judge_champion(services: Services, spec: ModelSpec, incident: str, options: Facts) -> Facts:
    """Put the serving version through the whole gate on the incident's rows, or on the newest window."""
    del options
    window = incident_of(services.ledger, incident).window or _newest(services, spec)
    try:
        judged = revalidate.revalidate(
            services, spec, window=window, reference=reference_digest(services, spec)
        )
    except DataError as unjudged:  # no label has arrived: a person is told so, and that is the result
        return {"holds": None, "reasons": [str(unjudged)]}
    facts = judged.document()
    record(services, incident, EventKind.REVALIDATED, facts, model=spec.name)
    return facts


def masked_columns(services: Services, spec: ModelSpec, found: Incident, options: Facts) -> tuple[str, ...]:
    """Inputs to mask: those the playbook names, or those of which the data or leak findings speak.

    :raises DataError: the findings name no input of the model.
    """
    if options.get("columns"):
        return tuple(options["columns"])
    wanted = (Category.DATA_QUALITY, Category.PRIVACY_LEAK)
    named = {
        name
        for one in _breaches(services, found)
        if one.category in wanted
        for name in (one.column if isinstance(one.column, tuple) else (one.column,))
        if name in spec.columns.features
    }
    if not named:
        raise DataError(
            f"incident {found.id}: its findings name no input of the model to mask. Choose another action."
        )
    return tuple(sorted(str(name) for name in named))


def _gap(services: Services, spec: ModelSpec, found: Incident) -> tuple[str, str]:
    """The sensitive attribute and the measure of the gap to narrow: the first breach speaks."""
    for one in _breaches(services, found):
        if one.category is Category.FAIRNESS and one.attribute:
            names = one.attribute if isinstance(one.attribute, tuple) else (one.attribute,)
            return names[0], one.metric.removesuffix("_change")
    if not spec.columns.sensitive:
        raise SpecError(
            f"model {spec.name!r} names no sensitive column, so no gap is known. Add columns.sensitive."
        )
    return spec.columns.sensitive[0], "selection_rate_ratio"


def _breaches(services: Services, found: Incident) -> list[Finding]:
    findings = services.ledger.evidence(found.assessment)["findings"]
    return [one for one in map(Finding.from_document, findings) if one.is_breach]


def _window(found: Incident) -> Window:
    if found.window is None:
        raise DataError(
            f"incident {found.id} has no window, so there are no rows to work on. Choose another action."
        )
    return found.window


def _reference(spec: ModelSpec) -> Window:
    if spec.windows is None:
        raise SpecError(f"model {spec.name!r} has no windows section, so there is no reference. Add it.")
    return Window(spec.name, spec.windows.reference_start, spec.windows.reference_end)


def _newest(services: Services, spec: ModelSpec) -> Window:
    """The last window's length of the log."""
    span = services.source.span(spec)
    if span is None or spec.windows is None:
        raise DataError(f"model {spec.name!r} has no rows to judge its version on. Wait for some.")
    return Window(spec.name, span[1] - spec.windows.length, span[1] + timedelta(seconds=1))


def _nothing(*_: object) -> None:
    """Nothing was altered."""


def _met(_: Facts) -> str:
    """No criterion but that it was done."""
    return ""


def _smaller_loss(facts: Facts) -> str:
    losses: Mapping[str, Any] = facts["facts"].get("log_loss", {})
    chosen, before = losses.get(facts["facts"].get("map")), losses.get("unchanged")
    if chosen is None or before is None or chosen < before:
        return ""
    return f"log-loss {chosen:.4f} with the map, {before:.4f} without it"


def _keeps_limit(facts: Facts) -> str:
    gap, limit = facts["facts"]["attempt"]["gap"], facts["facts"]["limit"]
    if gap is not None and gap <= limit:
        return ""
    told = (
        "no gap could be measured" if gap is None else f"the smallest gap is {gap:.3f}, the limit {limit:g}"
    )
    return f"no attempt keeps the fairness limit: {told}; the curve shows what each costs"


def _step(
    name: str, run: Run, undo: Callable[..., None] = _nothing, unmet: Callable[[Facts], str] = _met
) -> StepKind:
    words = WORDS[name]
    return StepKind(does=words.does, way_back=words.way_back, run=run, undo=undo, unmet=unmet)


HOUSE: dict[str, StepKind] = {
    "watch_on": _step("watch_on", watch_on),
    "hand_to_people": _step("hand_to_people", hand_to_people),
    "train": _step("train", train, withdraw),
    "train_without": _step("train_without", train_without, withdraw),
    "mask_inputs": _step("mask_inputs", mask_inputs, withdraw),
    "recalibrate": _step("recalibrate", recalibrate_scores, withdraw, _smaller_loss),
    "mitigate": _step("mitigate", mitigate, withdraw, _keeps_limit),
    "quarantine_rows": _step(
        "quarantine_rows", quarantine_rows, _release,
        lambda facts: "" if facts["held"] else "the rows were released meanwhile",
    ),
    "judge_champion": _step("judge_champion", judge_champion),
}  # fmt: skip
"""Steps by the name that a playbook uses."""
