"""Let a quarantined window be learnt from again: its quality was checked anew, or a person says so."""

from collections.abc import Mapping, Sequence
from typing import Any

from amends.domain.events import EventKind
from amends.domain.findings import Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.domain.window import Window, as_utc
from amends.errors import BadInput, DataError, Refused
from amends.measures.digests import WindowDigest
from amends.ports import Ledger, QualityGate
from amends.workflow.remedies.quarantine import left_out, release_on

CHECKED = "its quality was checked anew and holds"
BAD = (Verdict.BREACH, Verdict.ERROR)
KINDS = (EventKind.WINDOW_QUARANTINED, EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)


def release_window(
    ledger: Ledger, spec: ModelSpec, quality: QualityGate, window: Window,
    *, reference: WindowDigest, current: WindowDigest, by: str, reason: str = "",
) -> Mapping[str, Any]:  # fmt: skip
    """Check the window's rows as they are now; release it, and tell its consumers, in a person's name.

    :param current: digest of the repaired rows; what is released is bound to it.
    :param reason: why it is released although a check fails; without one, a failed check refuses.
    :returns: facts of ``window_released``.
    :raises BadInput: the window is not held back, or the rows are of another time.
    :raises Refused: a check fails, and no reason was given.
    """
    incident = _held_by(ledger, spec, window)
    _of_the_window(window, current)
    bad = [one for one in quality.check(spec, reference, current) if one.verdict in BAD]
    if bad and not reason:
        raise Refused(
            f"{window.key} still fails: {_named(bad)}. Repair it, or say with --reason why it is released."
        )
    recheck = {"passed": not bad, "failed": [one.document() for one in bad], "rows": current.rows}
    return release_on(
        ledger, spec, incident=incident, window=window, reason=reason or CHECKED, data=current.digest,
        actor=by, recheck=recheck,
    )  # fmt: skip


def _held_by(ledger: Ledger, spec: ModelSpec, window: Window) -> str | None:
    """The incident that holds a window back; the last one where several did."""
    held = left_out(ledger, spec.name)
    if window not in held:
        named = ", ".join(f"{one.start.isoformat()}/{one.end.isoformat()}" for one in held)
        raise BadInput(
            f"model {spec.name!r} holds no window {window.start.isoformat()}/{window.end.isoformat()} back. "
            f"Held back: {named or 'none'}."
        )
    events = ledger.events(model=spec.name, kinds=KINDS)
    mine = [one.incident for one in events if one.payload.get("window") == window.document()]
    return mine[-1] if mine else None


def _of_the_window(window: Window, current: WindowDigest) -> None:
    """Refuse rows of another time: a good week does not release a bad one."""
    first, last = (as_utc(moment) if moment else None for moment in (current.start, current.end))
    if first is None or last is None or not window.start <= first <= last < window.end:
        raise DataError(
            f"the rows are of {current.start} to {current.end}, not of {window.start.isoformat()} to "
            f"{window.end.isoformat()}. Give the repaired rows of that window."
        )


def _named(bad: Sequence[Finding]) -> str:
    return "; ".join(f"{one.metric} of {one.column or 'all rows'} ({one.reason})" for one in bad[:3])
