"""Quarantine: rows of a window are not learnt from until they are repaired, and who uses them is told."""

from collections.abc import Mapping, Sequence
from typing import Any

from amends.domain.events import EventKind, NewEvent
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.ports import Ledger, Services

CONSUMER_NOTICE = "consumer_notice"
"""Outbox topic: a consumer of the model's answers has to be told something."""


def quarantine(
    services: Services, spec: ModelSpec, *, incident: str, window: Window, reason: str, actor: str = "amends"
) -> bool:
    """Mark a window's rows and announce it to every consumer, in one transaction, once per incident.

    :returns: whether the window is in quarantine now; False where it was released since.
    """
    payload = {"window": window.document(), "reason": reason}
    key = f"{EventKind.WINDOW_QUARANTINED}:{incident}:{window.key}"
    _tell(services.ledger, spec, EventKind.WINDOW_QUARANTINED, key, payload, incident=incident, actor=actor)
    return window in quarantined(services.ledger, spec.name)


def release(
    services: Services, spec: ModelSpec, *, incident: str, window: Window, reason: str, data: str, actor: str
) -> None:
    """Let repaired rows be learnt from again and tell the consumers, once per repair.

    :param reason: what was repaired, and how that is known.
    :param data: content digest of the repaired window: what was released, and not what came before.
    """
    release_on(services.ledger, spec, incident=incident, window=window, reason=reason, data=data, actor=actor)


def release_on(
    ledger: Ledger, spec: ModelSpec, *, incident: str | None, window: Window, reason: str, data: str,
    actor: str, recheck: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:  # fmt: skip
    """Release on a ledger alone; return the facts of ``window_released``.

    :param recheck: what a new look at the window's quality found.
    """
    payload = {"window": window.document(), "reason": reason, "data": data}
    payload |= {"recheck": recheck} if recheck else {}
    key = f"{EventKind.WINDOW_RELEASED}:{incident}:{window.key}:{data[-12:]}"
    return _tell(ledger, spec, EventKind.WINDOW_RELEASED, key, payload, incident=incident, actor=actor)


def quarantined(ledger: Ledger, model: str) -> list[Window]:
    """Windows of a model that are in quarantine now, oldest first: a fold over the ledger."""
    kinds = [EventKind.WINDOW_QUARANTINED, EventKind.WINDOW_RELEASED]
    held: dict[Window, bool] = {}
    for event in ledger.events(model=model, kinds=kinds):
        held[Window.from_document(event.payload["window"])] = event.kind is EventKind.WINDOW_QUARANTINED
    return sorted(window for window, still in held.items() if still)


def left_out(ledger: Ledger, model: str) -> list[Window]:
    """Windows that no remedy learns from: quarantined, or of bad data and not released since."""
    bad: dict[Window, bool] = {}
    for event in ledger.events(model=model, kinds=[EventKind.WINDOW_ASSESSED, EventKind.WINDOW_RELEASED]):
        window = Window.from_document(event.payload["window"])
        if event.kind is EventKind.WINDOW_RELEASED:
            bad[window] = False
        elif _bad_data(event.payload["call"]):
            bad[window] = True
    return sorted({*quarantined(ledger, model), *(window for window, still in bad.items() if still)})


def _bad_data(call: Mapping[str, Sequence[str]] | None) -> bool:
    return call is not None and "data_quality" in call["categories"]


def _tell(
    on: Ledger, spec: ModelSpec, kind: EventKind, key: str, payload: Mapping[str, Any],
    *, incident: str | None, actor: str,
) -> Mapping[str, Any]:  # fmt: skip
    with on.transaction(spec.name) as ledger:
        event = ledger.append(
            NewEvent(kind=kind, key=key, model=spec.name, incident=incident, actor=actor, payload=payload)
        )
        for consumer in spec.consumers:
            ledger.announce(
                CONSUMER_NOTICE,
                f"{key}:{consumer}",
                {"consumer": consumer, "event": str(kind), "incident": incident, **payload},
            )
    return event.payload
