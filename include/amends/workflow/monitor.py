"""Watch a model: find the windows that are due, assess each once, draw the page that people look at."""

from datetime import datetime

from amends.domain.assessment import Assessment
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Finding
from amends.domain.headline import headline
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import SpecError
from amends.measures.digests import WindowDigest
from amends.ports import Services
from amends.workflow.assess import assess
from amends.workflow.digest import digest_window
from amends.workflow.judge_attribution import judge_versions_attribution
from amends.workflow.late_labels import ORIGIN, labels_of, lacked, windows_with_new_labels
from amends.workflow.opening import BATCH
from amends.workflow.preflight import refused

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
