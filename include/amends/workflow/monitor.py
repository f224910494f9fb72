"""Watch a model: find the windows that are due, assess each once, open or join an incident."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from amends import __version__
from amends.domain.assessment import Assessment, Call
from amends.domain.decision import Situation, decide
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.headline import headline
from amends.domain.incident import call_from_document, incident_from_events, incident_id, open_incident_of
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import SpecError
from amends.measures.digests import WindowDigest
from amends.ports import LedgerTransaction, Services
from amends.workflow.assess import assess
from amends.workflow.digest import digest_window
from amends.workflow.judge_attribution import judge_versions_attribution
from amends.workflow.late_labels import ORIGIN, labels_of, lacked, windows_with_new_labels
from amends.workflow.preflight import refused
from amends.workflow.triage import duties_of, record_triage

FOUND = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)
BATCH, INCIDENT = "batch", "incident"
"""Outbox topics: a batch of predictions was committed; an incident was opened."""

MOST_CALENDAR_WINDOWS = 12
"""How many missed calendar windows one run catches up on."""


def due_windows(services: Services, spec: ModelSpec, until: datetime) -> list[Window]:
    """List the windows to assess now, oldest first.

    Windows that a producer announced in the outbox come first. A model whose batches nobody has ever
    announced is walked by the calendar: windows of ``windows.length`` from the reference's end on,
    complete before ``until`` less the label delay, and not assessed yet. Windows whose labels came after they
    were assessed are due once more.
    """
    announced = [Window.from_document(dict(row.payload)) for row in services.ledger.pending(BATCH, spec.name)]
    assessed = services.ledger.events(model=spec.name, kinds=[EventKind.WINDOW_ASSESSED])
    late = windows_with_new_labels(services, spec, until, assessed)
    if announced or any(event.payload["origin"] == BATCH for event in assessed):
        return sorted({*announced, *late})
    done = {Window.from_document(event.payload["window"]) for event in assessed}
    return sorted({*_calendar(services, spec, until, done), *late})


def _calendar(services: Services, spec: ModelSpec, until: datetime, done: set[Window]) -> list[Window]:
    plan, span = spec.windows, services.source.span(spec)
    if plan is None:
        raise SpecError(f"model {spec.name!r} has no windows section, so nothing says what to watch. Add it.")
    if span is None:
        return []
    horizon = min(until - plan.label_delay, span[1])
    windows, start = [], plan.reference_end
    while start + plan.length <= horizon:
        windows.append(Window(spec.name, start, start + plan.length))
        start += plan.length
    return [window for window in windows if window not in done][-MOST_CALENDAR_WINDOWS:]


def reference_digest(services: Services, spec: ModelSpec) -> WindowDigest:
    """Digest the reference span of the spec.

    :raises SpecError: the spec has no windows section.
    :raises DataError: the reference span has no rows.
    """
    return digest_window(spec, services.source, reference_window(spec))


def reference_window(spec: ModelSpec) -> Window:
    """Return the reference span of the spec. :raises SpecError: the spec has no windows section."""
    if spec.windows is None:
        raise SpecError(f"model {spec.name!r} has no windows section, so there is no reference. Add it.")
    return Window(spec.name, spec.windows.reference_start, spec.windows.reference_end)


def assess_window(services: Services, spec: ModelSpec, window: Window) -> str:
    """Assess a window and record it; return the evidence digest of the assessment.

    A window that was assessed before under the same spec and policy keeps its first assessment, and a second
    one where its labels have come since.
    """
    assessment, served_by, labels = _assessed(services, spec, window)
    document = assessment.document()
    evidence = services.ledger.put_evidence("assessment", document)
    services.ledger.put_evidence("policy", services.policy.document)
    announced = any(row.key == window.key for row in services.ledger.pending(BATCH, spec.name))
    key = f"assessed:{window.key}:{spec.digest[-12:]}:{services.policy.digest[-12:]}"
    with services.ledger.transaction(spec.name) as ledger:
        before = [one for one in ledger.events(kinds=[EventKind.WINDOW_ASSESSED]) if one.key == key]
        again = bool(before) and lacked(before[0].payload.get("labels")) and not lacked(labels)
        event = ledger.append(
            NewEvent(
                kind=EventKind.WINDOW_ASSESSED,
                key=f"{key}:{ORIGIN}" if again else key,
                model=spec.name,
                payload={
                    "window": window.document(),
                    "origin": ORIGIN if again else BATCH if announced else "calendar",
                    "assessment": evidence,
                    "rows": assessment.current.rows,
                    "labels": labels,
                    "served_by": served_by,
                    "call": document["incident"],
                    "headline": headline(assessment.findings),
                },
            )
        )
    return str(event.payload["assessment"])


def _assessed(
    services: Services, spec: ModelSpec, window: Window
) -> tuple[Assessment, str | None, dict[str, int] | None]:
    """Assess a window, or refuse it unread; also the version that answered most of it, and its labels."""
    reference = reference_digest(services, spec)
    without = refused(spec, services.policy, services.source, window, reference)
    if without is not None:
        return without, None, None
    current = digest_window(spec, services.source, window, like=reference)
    found = assess(
        spec, services.policy, reference, current, quality=services.quality, fairness=services.fairness,
        further=judge_versions_attribution(
            services, spec, (reference_window(spec), reference), (window, current)
        ),
    )  # fmt: skip
    return found, current.main_version, labels_of(spec, reference, current)


def draw_report(services: Services, spec: ModelSpec, window: Window, assessment: str) -> str | None:
    """Draw the page of a window that people will look at, and keep it as evidence; return its digest.

    :returns: None where the assessment calls for nothing (nobody looks at a healthy window's page), or where
        the window was refused before its rows were read.
    """
    document = services.ledger.evidence(assessment)
    if document["incident"] is None or not document.get("rows_read", True):
        return None
    reference = reference_digest(services, spec)
    current = digest_window(spec, services.source, window, like=reference)
    findings = [Finding.from_document(one) for one in document["findings"]]
    page = services.reporter.render(spec, reference, current, findings)
    evidence = services.ledger.put_evidence("report", {"window": window.document(), "html": page})
    with services.ledger.transaction(spec.name) as ledger:
        event = ledger.append(
            NewEvent(
                kind=EventKind.REPORT_DRAWN,
                key=f"report_drawn:{assessment}",
                model=spec.name,
                payload={"assessment": assessment, "evidence": evidence},
            )
        )
    return str(event.payload["evidence"])


def open_incident(services: Services, spec: ModelSpec, window: Window, assessment: str) -> str | None:
    """Open an incident for what an assessment calls for, or join the model's open one.

    What is only suspected, or was answered lately, is recorded and held back (:mod:`amends.domain.triage`).
    Settles the batch in the same transaction. A second delivery of a window finds the first's incident.

    :returns: the incident's id; None where nothing has to be done.
    """
    document = services.ledger.evidence(assessment)
    if document["incident"] is not None:
        services.ledger.put_evidence("policy", services.policy.document)
    with services.ledger.transaction(spec.name) as ledger:
        ledger.settle(BATCH, window.key)
        if document["incident"] is None:
            return None
        triaged = record_triage(ledger, services, window, assessment, document)
        if triaged["call"] is None:
            return None
        call = call_from_document(triaged["call"])
        facts = {
            "window": window.document(), "assessment": assessment, "call": call.document(),
            "triage": triaged["triage"], "policy": triaged["policy"],
            "duties": duties_of(spec, services.policy, call),
        }  # fmt: skip
        identity = window.key, document["policy"]["digest"]
        return _open_or_join(ledger, spec, call, facts, day=window.end, identity=identity)


def open_by_hand(
    services: Services, spec: ModelSpec, *, day: datetime, request: str, reason: str, actor: str
) -> str:
    """Open (or join) an incident that a person asks for from the trigger form; return its id.

    It is not announced: the run that carries the request is its response.

    :param request: identity of the request: the run that carried it.
    """
    finding = Finding(
        category=Category.USER_REPORT, metric="operator_request", verdict=Verdict.BREACH, reason=reason
    )
    return open_for_finding(services, spec, finding, day=day, request=request, actor=actor, announce=False)


def record_failure(services: Services, spec: ModelSpec, *, day: datetime, run: str, reason: str) -> str:
    """Record that the monitor itself failed, and open or join an incident for it; return its id."""
    with services.ledger.transaction(spec.name) as ledger:
        ledger.append(
            NewEvent(
                kind=EventKind.MONITOR_FAILURE,
                key=f"monitor_failure:{spec.name}:{run}",
                model=spec.name,
                payload={"run": run, "reason": reason},
            )
        )
    finding = Finding(
        category=Category.MONITOR_FAILURE, metric="monitor_run", verdict=Verdict.BREACH, reason=reason
    )
    return open_for_finding(services, spec, finding, day=day, request=run, actor="amends")


def open_for_finding(
    services: Services,
    spec: ModelSpec,
    finding: Finding,
    *,
    day: datetime,
    request: str,
    actor: str,
    announce: bool = True,
) -> str:
    """Open (or join) an incident for a finding that no window showed; return its id."""
    call = decide((finding,), importance=spec.importance, policy=services.policy)
    if call is None:
        raise SpecError(f"policy {services.policy.name!r} has no answer to {finding.category}; add a row.")
    document = {
        "schema_version": 1,
        "model": spec.name,
        "code_version": __version__,
        "policy": {"name": services.policy.name, "digest": services.policy.digest},
        "windows": None,
        "findings": [finding.document()],
        "incident": call.document(),
        "situation": {**Situation().document(), "importance": spec.importance},
    }
    services.ledger.put_evidence("policy", services.policy.document)
    facts = {
        "window": None,
        "assessment": services.ledger.put_evidence("assessment", document),
        "call": call.document(),
        "reason": finding.reason,
        "policy": services.policy.digest,
        "duties": duties_of(spec, services.policy, call),
    }
    with services.ledger.transaction(spec.name) as ledger:
        return _open_or_join(
            ledger, spec, call, facts, day=day, identity=(request,), actor=actor, announce=announce
        )


def _open_or_join(
    ledger: LedgerTransaction,
    spec: ModelSpec,
    call: Call,
    facts: Mapping[str, Any],
    *,
    day: datetime,
    identity: tuple[str, ...],
    actor: str = "amends",
    announce: bool = True,
) -> str:
    known = ledger.events(kinds=[*FOUND, EventKind.INCIDENT_CLOSED])
    mine = incident_id(spec.name, day, *identity, call.category)
    taken_in = next(
        (event.incident for event in known if event.key in {f"{kind}:{mine}" for kind in FOUND}), None
    )
    if taken_in:
        return taken_in
    still_open = open_incident_of(known)
    incident = still_open or mine
    kind = EventKind.INCIDENT_JOINED if still_open else EventKind.INCIDENT_OPENED
    grown = incident_from_events([event for event in known if event.incident == incident])
    ledger.append(
        NewEvent(
            kind=kind, key=f"{kind}:{mine}", model=spec.name, incident=incident, actor=actor, payload=facts
        )
    )
    if announce and (grown is None or not grown.call.covers(call)):
        # a response that is under way, or over, has not answered what is new: another run does
        run = f"{incident}.{mine[-8:]}" if grown else incident
        ledger.announce(INCIDENT, run, {"incident": incident})
    return incident
