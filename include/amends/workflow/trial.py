"""Look at a running trial after each assessed window, and end it by itself where the rows decide it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amends.domain.events import Event, EventKind, NewEvent
from amends.domain.spec import ModelSpec
from amends.domain.trial import Outcome, Trial, judge, running, trial_of
from amends.domain.window import Window
from amends.errors import DataError, Refused
from amends.measures.trial_rows import TrialRows, shadow_spec, trial_rows
from amends.measures.trials import State, begin, fold, summary
from amends.ports import Services
from amends.workflow.narrate import narrate
from amends.workflow.respond import incident_of

if TYPE_CHECKING:
    import pyarrow as pa

TAKEN_IN = "its rows were taken in with an earlier window"


def look(services: Services, spec: ModelSpec) -> dict[str, Any] | None:
    """Take in the windows assessed since the last look, each once, and end the trial where they decide it.

    A look that died is repeated from the record: windows that were taken in are not taken in again.

    :returns: facts of the last look, with the ``outcome`` where the trial has ended; None without a trial.
    """
    events = services.ledger.events(model=spec.name)
    started = running(events)
    if started is None:
        return None
    trial, looks = trial_of(started), _looks(events, started)
    no_longer, waiting = _no_longer(services, trial), _unseen(events, started, looks)
    while True:
        verdict = _verdict(trial, looks)  # what a look has shown stands, whatever happened since
        if verdict is None and no_longer:
            verdict = (Outcome.STOPPED, no_longer)
        if verdict:
            return _end(services, trial, looks, *verdict)
        if not waiting:
            return {"trial": trial.id, "outcome": None, **(looks[-1] if looks else {})}
        looks.append(_look(services, spec, trial, looks, waiting.pop(0)))


def stop(services: Services, spec: ModelSpec, *, reason: str, actor: str) -> dict[str, Any]:
    """End the model's running trial in a person's name; a verdict that a look has shown already stands.

    :raises Refused: none is running.
    """
    events = services.ledger.events(model=spec.name)
    started = running(events)
    if started is None:
        raise Refused(f"model {spec.name!r} has no running trial. Start one first.")
    trial, looks = trial_of(started), _looks(events, started)
    shown = _verdict(trial, looks)
    if shown:
        return _end(services, trial, looks, *shown)
    return _end(services, trial, looks, Outcome.STOPPED, reason, actor=actor)


def _verdict(trial: Trial, looks: Sequence[dict[str, Any]]) -> tuple[Outcome, str] | None:
    return judge(looks[-1]["found"], trial.limits, len(looks)) if looks else None


def _looks(events: Sequence[Event], started: Event) -> list[dict[str, Any]]:
    looked = (event.payload for event in events if event.kind is EventKind.TRIAL_LOOKED)
    return [facts for facts in looked if facts["trial"] == started.payload["trial"]]


def _unseen(events: Sequence[Event], started: Event, looks: Sequence[dict[str, Any]]) -> list[Window]:
    """Windows assessed since the start that no look took in, in the order of their assessment."""
    seen = {Window.from_document(one["window"]) for one in looks}
    after = (event for event in events if event.kind is EventKind.WINDOW_ASSESSED and event.seq > started.seq)
    windows = dict.fromkeys(Window.from_document(event.payload["window"]) for event in after)
    return [window for window in windows if window not in seen]


def _no_longer(services: Services, trial: Trial) -> str | None:
    champion = services.ledger.champion(trial.model)
    if champion is None or champion.digest != trial.champion.digest:
        return f"the champion is no longer version {trial.champion.version}"
    return None if incident_of(services.ledger, trial.incident).open else "the incident was closed"


def _look(
    services: Services, spec: ModelSpec, trial: Trial, looks: Sequence[dict[str, Any]], window: Window
) -> dict[str, Any]:
    """Take in one window and record what the trial has shown by then."""
    state = State.from_document(looks[-1]["state"]) if looks else begin(trial)
    left, unread = _not_yet(window, looks), None
    try:
        if left is not None:
            state = fold(trial, state, _rows(services, spec, trial, left, begun=bool(state.rows)))
    except DataError as error:
        unread = str(error)
    payload = {
        "trial": trial.id, "window": window.document(), "unread": unread if left else TAKEN_IN,
        "found": summary(state, trial.limits), "state": state.document(),
    }  # fmt: skip
    return _record(services, trial, EventKind.TRIAL_LOOKED, payload, at=window.key)


def _not_yet(window: Window, looks: Sequence[dict[str, Any]]) -> Window | None:
    """The part of a window after all that was taken in, so that no row counts twice; None: none is left."""
    ends = [Window.from_document(one["window"]).end for one in looks]
    begins = max([window.start, *ends])
    return replace(window, start=begins) if begins < window.end else None


def _rows(services: Services, spec: ModelSpec, trial: Trial, window: Window, *, begun: bool) -> TrialRows:
    needed = replace(
        spec.columns, numeric=(), categorical=(), text=(), latency=None, error=None
    )  # the champion's features have no part in the comparison
    narrow, beside = replace(spec, columns=needed), shadow_spec(spec)
    log = _table(narrow, services.source.batches(narrow, window))
    shadow = _table(beside, (services.shadow or services.source).batches(beside, window))
    return trial_rows(narrow, trial, log, shadow, begun=begun)


def _table(spec: ModelSpec, batches: "Iterable[pa.RecordBatch]") -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415 - only a look at a trial needs it

    read = list(batches)
    return pa.Table.from_batches(read) if read else pa.table({name: pa.nulls(0) for name in spec.columns.all})


def _end(
    services: Services, trial: Trial, looks: Sequence[dict[str, Any]], outcome: Outcome, reason: str, *,
    actor: str = "amends",
) -> dict[str, Any]:  # fmt: skip
    payload = {
        "trial": trial.id, "mode": str(trial.mode), "version": trial.challenger.version,
        "outcome": str(outcome), "reason": reason, "windows": len(looks),
        "found": looks[-1]["found"] if looks else None,
    }  # fmt: skip
    ended = _record(services, trial, EventKind.TRIAL_ENDED, payload, actor=actor)
    narrate(services.ledger, trial.incident)
    return ended


def _record(
    services: Services, trial: Trial, kind: EventKind, payload: dict[str, Any], *,
    at: str = "", actor: str = "amends",
) -> dict[str, Any]:  # fmt: skip
    """Append one event of a trial; what its key holds already stands. :param at: key of a look's window."""
    key = f"{kind}:{trial.id}" + (f":{at}" if at else "")
    with services.ledger.transaction(trial.model) as transaction:
        event = transaction.append(
            NewEvent(
                kind=kind, key=key, model=trial.model, incident=trial.incident, actor=actor, payload=payload
            )
        )
    return event.payload
