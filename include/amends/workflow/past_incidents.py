"""The regression suite: every past incident of a model is replayed against a version that may serve.

An incident's rows were kept when its evidence was frozen. A version is scored on them and judged by what the
incident was opened on: a group gap, a loss of ranking, scores that were off; for a fault of the data, that
scores come out and nothing is lost against what served then. What is shown blocks; what frozen rows cannot
show is told, since they will never be more.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.decision import of_category
from amends.domain.events import Event, EventKind
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.validation import AGAIN
from amends.domain.window import Window
from amends.errors import ArtefactError, DataError, Unavailable
from amends.measures.arrow import as_moments, as_texts
from amends.measures.identities import hashed
from amends.measures.scoring import rescored
from amends.workflow.freeze import FrozenRows
from amends.workflow.past_faults import Fault, judge_again, usable, worded
from amends.workflow.respond import incident_of
from amends.workflow.rows import window_rows

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.ports import Services

OF_ITS_TIME = (Category.PERFORMANCE, Category.PERFORMANCE_ESTIMATED, Category.CALIBRATION_DRIFT)
"""Faults that a changed world makes as well: a model that is right today may be wrong on old rows."""
LEARNT = "; it was trained on these rows, so that little is shown by what is absent"


def replay_incidents(
    services: "Services", spec: ModelSpec, version: ModelVersion, *, trained: Window | None = None,
    beside: ModelVersion | None = None, at_hand: str | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Replay the model's newest incidents whose rows were frozen against a version.

    :param trained: span that the version was trained on; other frozen rows come first.
    :param beside: the version that serves now. Where it is as bad on the rows of an incident of performance
        or calibration, other than the one ``at_hand``, their world may be gone: told, and no block.
    :returns: findings whose metric ends in ``_again`` and whose reason names incident, day and fault. An
        incident that no window showed has no rows and is left out.
    :raises ArtefactError: the version is missing, altered or does not load.
    """
    policy = services.policy.overridden(spec.policy, f"model {spec.name!r}")
    frozen = services.ledger.events(model=spec.name, kinds=[EventKind.EVIDENCE_FROZEN])
    kept = [event.incident for event in reversed(frozen) if event.incident and event.payload["rows"]]
    newest = list(dict.fromkeys(kept))[: int(policy.limit("gate.past_incidents"))]
    suite = _Suite(services, spec, policy, version, trained)
    found = {incident: suite.replay(incident) for incident in newest}
    if beside is not None and beside.version != version.version:
        other = _Suite(services, spec, policy, beside, None)
        for incident in newest:
            if incident != at_hand and any(map(_excusable, found[incident])):
                found[incident] = _excused(found[incident], other.replay(incident), beside)
    return tuple(finding for incident in newest for finding in found[incident])


def _excusable(one: Finding) -> bool:
    return one.is_breach and one.category in OF_ITS_TIME


def _excused(mine: list[Finding], serving: list[Finding], beside: ModelVersion) -> list[Finding]:
    """Findings on one incident, without breaches that the version that serves now shows, too."""
    shown = {one.metric for one in serving if one.is_breach}
    note = (
        f"; version {beside.version}, which serves now, is as bad there: the world of these rows may be gone"
    )
    return [
        replace(one, verdict=Verdict.INCONCLUSIVE, reason=one.reason + note)
        if _excusable(one) and one.metric in shown
        else one
        for one in mine
    ]


class _Suite:
    """What every incident is replayed with."""

    def __init__(
        self, services: "Services", spec: ModelSpec, policy: "Policy", version: ModelVersion,
        trained: Window | None,
    ) -> None:  # fmt: skip
        self._services, self._spec, self._policy = services, spec, policy
        self._version, self._trained = version, trained
        self._scorer = services.registry.load(version)

    def replay(self, incident: str) -> list[Finding]:
        """Findings on one incident."""
        events = self._services.ledger.events(incident=incident, kinds=[EventKind.INCIDENT_OPENED])
        fault = _fault_of(self._services, events[0])
        found = incident_of(self._services.ledger, incident)
        words = worded(fault.lead, events[0].payload["call"]["category"])
        head = f"incident {incident} of {found.opened_at:%Y-%m-%d} ({words})"
        rows, why = self._rows(incident, found.window, fault.attribute)
        judged = [self._no_data(fault, why)] if rows is None else self._judged(fault, rows)
        return [replace(one, reason=f"{head}: {one.reason}") for one in judged]

    def _rows(
        self, incident: str, window: Window | None, attribute: tuple[str, ...]
    ) -> tuple[pa.Table | None, str]:
        """An incident's frozen rows with the labels there are now, or why there are none to score."""
        spec = self._spec
        batches = self._services.ledger.kept_rows(incident)
        first = next((batch for batch in batches if batch.num_rows), None)
        if window is None or first is None:
            return None, "its frozen rows are no longer kept"
        wanted = (*spec.columns.all, *attribute)
        missing = [name for name in wanted if name not in first.schema.names]
        if missing:
            return None, f"its frozen rows have no column {missing[0]!r}"
        rows = window_rows(FrozenRows(self._services.ledger, incident), spec, window)
        rows = _sampled(rows, spec.columns.id, int(self._policy.limit("gate.past_rows")))
        return self._labelled(rows, window), ""

    def _labelled(self, rows: pa.Table, window: Window) -> pa.Table:
        """Give rows without a label the one that has arrived since."""
        c = self._spec.columns
        if not rows.column(c.label).null_count:
            return rows
        try:
            later = window_rows(self._services.source, self._spec, window)
        except DataError:
            return rows
        place = pc.index_in(as_texts(rows.column(c.id)), value_set=as_texts(later.column(c.id)))
        arrived = later.column(c.label).combine_chunks().take(place)
        known = rows.column(c.label).combine_chunks()
        known = known.cast(arrived.type) if pa.types.is_null(known.type) else known
        label = pc.coalesce(known, arrived.cast(known.type))
        return rows.set_column(rows.column_names.index(c.label), c.label, label)

    def _judged(self, fault: Fault, rows: pa.Table) -> list[Finding]:
        spec, policy = self._spec, self._policy
        scored, failed = self._scored(rows)
        if scored is None:
            one = usable(spec, policy, rows, None)
            return [replace(one, reason=f"{one.reason}: {failed}")]
        survived = usable(spec, policy, rows, scored)
        if survived.is_breach:
            return [survived]
        then, now, note = self._unseen(rows, scored)
        try:
            again = judge_again(spec, policy, fault, then, now)
        except DataError as unfit:
            return [survived, self._no_data(fault, f"its rows cannot be compared, {unfit}")]
        if again is None:
            few = "too few of its rows have labels, groups are too small, or no limit of then is on record"
            return [survived, self._no_data(fault, few)]
        return [survived, replace(again, reason=again.reason + note)]

    def _scored(self, rows: pa.Table) -> tuple[pa.Table | None, str]:
        try:
            return rescored(self._spec, rows, self._version.version, self._scorer), ""
        except (ArtefactError, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a version raises on old rows, it would raise again
            return None, type(error).__name__

    def _unseen(self, rows: pa.Table, scored: pa.Table) -> tuple[pa.Table, pa.Table, str]:
        """The rows that the version was not trained on, where they are enough; else all, and a note."""
        if self._trained is None:
            return rows, scored, ""
        c = self._spec.columns
        moments = as_moments(rows.column(c.timestamp), c.timestamp)
        start, end = (pa.scalar(one, moments.type) for one in (self._trained.start, self._trained.end))
        seen = pc.and_(pc.greater_equal(moments, start), pc.less(moments, end))
        new = pc.fill_null(pc.invert(seen), fill_value=True)
        labelled = pc.and_(new, pc.is_valid(rows.column(c.label).combine_chunks()))
        if pc.sum(labelled).as_py() >= self._policy.limit("performance.min_labelled"):
            return rows.filter(new), scored.filter(new), ""
        return rows, scored, LEARNT if pc.any(seen).as_py() else ""

    def _no_data(self, fault: Fault, why: str) -> Finding:
        measure = fault.measure(self._spec) or "fault"
        return Finding(
            category=fault.category, metric=measure + AGAIN, verdict=Verdict.NO_DATA, reason=why,
            attribute=fault.lead.attribute if fault.lead else None,
        )  # fmt: skip


def _fault_of(services: "Services", opening: Event) -> Fault:
    """What an incident was opened on, from its assessment."""
    category = Category(opening.payload["call"]["category"])
    document = services.ledger.evidence(opening.payload["assessment"])
    findings = tuple(Finding.from_document(one) for one in document["findings"])
    leading = of_category(findings, category)
    return Fault(category=category, lead=leading[0] if leading else None, findings=findings)


def _sampled(rows: pa.Table, name: str, most: int) -> pa.Table:
    """At most so many rows, the same ones each time: those whose ids hash lowest, in their order."""
    if rows.num_rows <= most:
        return rows
    keys = hashed(as_texts(rows.column(name)))
    return rows.take(pa.array(np.sort(np.argsort(keys, kind="stable")[:most])))
