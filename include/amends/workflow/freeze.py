"""Freeze the evidence before anything is altered: rows, versions, alias, policy, spec, code, packages."""

from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import amends
from amends.domain.canonical import digest_of, digest_of_bytes
from amends.domain.events import EventKind
from amends.domain.promotion import Champion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.measures.arrow import span_of
from amends.workflow.respond import incident_of, only, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from amends.ports import Kept, Ledger, Services


def freeze(services: "Services", spec: ModelSpec, incident: str) -> str:
    """Write down the state of the world, and keep the window's rows; return the evidence digest.

    Article 73(6) of the EU AI Act forbids to alter a system before that. A retry keeps what was frozen first.
    """
    done = services.ledger.events(incident=incident, kinds=[EventKind.EVIDENCE_FROZEN])
    if done:
        return str(done[-1].payload["evidence"])
    found = incident_of(services.ledger, incident)
    champion = services.ledger.champion(spec.name)
    versions = [
        {"version": one.version, "digest": one.digest} for one in services.registry.versions(spec.name)
    ]
    rows = _keep(services, spec, incident, found.window)
    document = {
        "incident": incident,
        "window": found.window.document() if found.window else None,
        "assessment": found.assessment,
        "rows": {"kept": rows.rows, "digest": rows.digest} if rows else None,
        "champion": _champion_document(champion),
        "alias": services.registry.aliased(spec.name),
        "versions": versions,
        "policy": {"name": services.policy.name, "digest": services.policy.digest},
        "spec": {"digest": spec.digest, "document": spec.written},
        "code": code_revision(),
        "packages": services.ledger.put_evidence("packages", {"installed": packages()}),
    }
    digest = services.ledger.put_evidence("frozen", document)
    payload = {
        "evidence": digest,
        "champion": document["champion"],
        "alias": document["alias"],
        "versions": len(versions),
        "rows": rows.rows if rows else 0,
        "touches": list(spec.consumers),
    }
    return str(
        record(services, incident, EventKind.EVIDENCE_FROZEN, payload, model=spec.name).payload["evidence"]
    )


class FrozenRows:
    """The :class:`amends.ports.WindowSource` over the rows that were kept when an incident was frozen."""

    def __init__(self, ledger: "Ledger", incident: str) -> None:
        self._ledger, self._incident = ledger, incident

    def batches(self, spec: ModelSpec, window: Window | None) -> "Iterator[pa.RecordBatch]":
        """All rows kept; they are of the incident's window."""
        del spec, window
        return self._ledger.kept_rows(self._incident)

    def span(self, spec: ModelSpec) -> tuple[datetime, datetime] | None:
        """First and last event time kept, or None where no rows were."""
        name = spec.columns.timestamp
        spans = [span_of(batch.column(name), name) for batch in self.batches(spec, None)]
        known = [span for span in spans if span]
        return (min(a for a, _ in known), max(b for _, b in known)) if known else None


def frozen_version(services: "Services", incident: str) -> str | None:
    """Number of the version that was serving when the incident was frozen; None where none was."""
    champion = only(services, incident, EventKind.EVIDENCE_FROZEN)["champion"]
    return str(champion["version"]) if champion else None


def code_revision() -> dict[str, str]:
    """Version of the package, and one digest over every file of it as it is installed."""
    root = Path(amends.__file__).parent
    kinds = {".py", ".yaml", ".sql"}
    files = sorted(path for path in root.rglob("*") if path.suffix in kinds)
    manifest = {path.relative_to(root).as_posix(): digest_of_bytes(path.read_bytes()) for path in files}
    return {"version": amends.__version__, "digest": digest_of(manifest)}


def packages() -> list[str]:
    """Every installed package with its version, as a lock would pin it."""
    return sorted({f"{one.metadata['Name'].lower()}=={one.version}" for one in distributions()})


def _keep(services: "Services", spec: ModelSpec, incident: str, window: Window | None) -> "Kept | None":
    """Keep the window's rows but for free text, which was counted when the window was read."""
    if window is None:
        return None
    batches = (_without_texts(spec, batch) for batch in services.source.batches(spec, window))
    return services.ledger.keep_rows(incident, batches)


def _without_texts(spec: ModelSpec, batch: "pa.RecordBatch") -> "pa.RecordBatch":
    import pyarrow as pa  # noqa: PLC0415 - a parse of the DAGs needs no rows

    for name in spec.columns.text:
        if name in batch.schema.names:
            place = batch.schema.names.index(name)
            batch = batch.set_column(place, name, pa.nulls(batch.num_rows, pa.string()))
    return batch


def _champion_document(champion: Champion | None) -> dict[str, Any] | None:
    if champion is None:
        return None
    return {"version": champion.version, "digest": champion.digest, "epoch": champion.epoch}
