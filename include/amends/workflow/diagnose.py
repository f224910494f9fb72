"""Diagnose an incident on its frozen rows: what it hangs on, since when, for whom; recorded once."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amends.domain.diagnosis import columns_of
from amends.domain.diagnosis_telling import reasons_of
from amends.domain.events import EventKind
from amends.domain.findings import Category, Finding
from amends.domain.incident import Incident
from amends.domain.policy import Policy
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import AmendsError, DataError, Unavailable
from amends.measures.digesting import digest_batches
from amends.ports import Services
from amends.workflow.counterfactuals import ask
from amends.workflow.examine import Marked, Signed, example_rows, locate_faults, sign
from amends.workflow.freeze import FrozenRows
from amends.workflow.monitor import reference_digest
from amends.workflow.remediate import regression, suspects
from amends.workflow.respond import incident_of, record
from amends.workflow.rows import window_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STAGE = "stage"
DATA = (Category.DATA_QUALITY, Category.DATA_DRIFT, Category.PRIVACY_LEAK)


def diagnose(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Ask what the decisions hang on, since when which column is broken, and where the version lost.

    Each question is asked by itself: one that cannot be answered here is told with its reason, and the
    others go on. Nothing is altered, and no remedy waits for it.

    :raises Unavailable: a service is away; the task tries again.
    """
    done = services.ledger.events(incident=incident, kinds=[EventKind.DIAGNOSED])
    if done:
        return done[-1].payload
    found = incident_of(services.ledger, incident)
    asked = _Questions(services, spec, found)
    document: dict[str, Any] = {"incident": incident, "regressed": asked.regressed, "unanswered": {}}
    for name in ("counterfactual", "faults", "signature", "examples"):
        ask_it: Callable[[], Any] = getattr(asked, name)
        try:
            document[name] = ask_it()
        except Unavailable:
            raise
        except AmendsError as no:
            document["unanswered"][name] = str(no)
    document |= {"findings": [one.document() for one in asked.findings], "versions": asked.versions}
    payload = {
        "evidence": services.ledger.put_evidence("diagnosis", document),
        "reasons": reasons_of(document),
        "findings": len(document["findings"]),
    }
    return record(services, incident, EventKind.DIAGNOSED, payload, model=spec.name, step=STAGE).payload


@dataclass(eq=False)
class _Questions:
    """The questions of one incident; the findings that answers give are kept in ``findings``."""

    services: Services
    spec: ModelSpec
    incident: Incident

    def __post_init__(self) -> None:
        self.findings: list[Finding] = []
        self.versions: dict[str, str | None] = {"failing": None, "previous": None}
        self._marked: list[Marked] = []
        self._signed: Signed | None = None

    @property
    def policy(self) -> Policy:
        """The policy with what the spec overrides."""
        return self.services.policy.overridden(self.spec.policy, f"model {self.spec.name!r}")

    @cached_property
    def window(self) -> Window:
        """The incident's window. :raises DataError: it has none."""
        if self.incident.window is None:
            raise DataError("no window showed this incident, so there are no rows to look at")
        return self.incident.window

    @cached_property
    def rows(self) -> pa.Table:
        """The frozen rows, oldest first. :raises DataError: none were frozen."""
        return window_rows(FrozenRows(self.services.ledger, self.incident.id), self.spec, self.window)

    @cached_property
    def suspects(self) -> tuple[ModelVersion, ModelVersion | None]:
        """The failing version and the one before."""
        failing, previous = suspects(self.services, self.spec, self.incident.id)
        self.versions = {"failing": failing.version, "previous": previous.version if previous else None}
        return failing, previous

    @property
    def regressed(self) -> list[str]:
        """What the gate found worse when both versions scored the frozen rows."""
        events = self.services.ledger.events(incident=self.incident.id, kinds=[EventKind.REPRODUCED])
        digests = [one.payload["evidence"] for one in events if one.payload.get("evidence")]
        documents: Sequence[Mapping[str, Any]] = (
            self.services.ledger.evidence(digests[-1])["findings"] if digests else ()
        )
        findings = [Finding.from_document(dict(one)) for one in documents]
        return [regression(one) for one in findings if one.is_breach and one.metric.endswith("_change")]

    def counterfactual(self) -> list[dict[str, Any]]:
        """Which decisions hang on a sensitive attribute, or on what tells it."""
        rows, (failing, _) = self.rows, self.suspects
        sample = digest_batches(self.spec, rows.to_batches()).sample
        answers = ask(self.spec, self.policy, self.services.registry.apart(failing), rows, sample)
        self.findings += [Finding.from_document(one["finding"]) for one in answers]
        return [{name: value for name, value in one.items() if name != "finding"} for one in answers]

    def faults(self) -> list[dict[str, Any]]:
        """From when to when the inputs of which findings on data speak are not what they were."""
        least, named = self.policy.limit("drift.share_crossed"), self._named()
        if not named:
            return []
        reference = reference_digest(self.services, self.spec)
        self._marked = locate_faults(self.spec, self.rows, reference.sample, least, named)
        self.findings += [one.finding(least) for one in self._marked]
        return [one.document() for one in self._marked]

    def _named(self) -> set[str]:
        """Columns of which the incident's findings on data speak."""
        findings = self.services.ledger.evidence(self.incident.assessment).get("findings", ())
        read = [Finding.from_document(one) for one in findings]
        return {name for one in read if one.is_breach and one.category in DATA for name in columns_of(one)}

    def signature(self) -> dict[str, Any]:
        """In which slices and thirds of the window the failing version lost against the one before."""
        rows, (failing, previous) = self.rows, self.suspects
        if previous is None:
            raise DataError("there is no version before to compare with")
        self._signed = sign(
            self.services.registry, self.spec, self.policy, rows, window=self.window,
            versions=(previous, failing),
        )  # fmt: skip
        self.findings += self._signed.findings(self.policy.limit("performance.confidence"))
        return self._signed.document()

    def examples(self) -> list[dict[str, Any]]:
        """Rows that show the fault, or the worst slice; none where nothing singles rows out."""
        if self._marked:
            worst = self._marked[0]
            return example_rows(self.spec, self.rows, worst.rows, [worst.fault.column])
        if self._signed is not None and np.size(self._signed.rows):
            return example_rows(self.spec, self._signed.table, self._signed.rows, self._signed.columns)
        return []
