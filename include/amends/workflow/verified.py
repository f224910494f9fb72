"""What a rollback may lead to: no version shown to be bad, and none that cannot score today's rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from amends.domain.events import EventKind
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.trial import Outcome
from amends.domain.window import Window
from amends.errors import AmendsError, ArtefactError
from amends.ports import Ledger, Services
from amends.workflow.promote import rollback_target

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SMOKE_ROWS = 32
"""Rows of a smoke test: whether a version scores at all shows on a handful; how well, the gate says."""

Proof: TypeAlias = Callable[[ModelVersion], object]
"""Raises ArtefactError where a version is not fit to serve."""


def known_bad(ledger: Ledger, model: str, incident: str) -> list[str]:
    """Version numbers that no rollback of an incident may lead to.

    The champion frozen at the incident's start; every version of the model that relapsed after its promotion,
    that a trial on live rows aborted, or that scored clearly worse than the one before on the same frozen
    rows, in whatever incident.
    """
    frozen = ledger.events(incident=incident, kinds=[EventKind.EVIDENCE_FROZEN])
    failing = [event.payload["champion"]["version"] for event in frozen if event.payload.get("champion")]
    relapsed = ledger.events(model=model, kinds=[EventKind.RELAPSED])
    reproduced = ledger.events(model=model, kinds=[EventKind.REPRODUCED])
    worse = [event.payload["failing"] for event in reproduced if event.payload.get("regression")]
    ended = (event.payload for event in ledger.events(model=model, kinds=[EventKind.TRIAL_ENDED]))
    tried = [one["version"] for one in ended if one["outcome"] == Outcome.ABORTED]
    return [*failing, *(event.payload["version"] for event in relapsed), *worse, *tried]


def smoke_test(services: Services, spec: ModelSpec, incident: str) -> Proof:
    """Make the proof that a version loads and scores a handful of the model's rows, in the sandbox.

    The rows are the first complete ones of the incident's frozen window, else of the reference; without any,
    a version only has to load. The version sees them without score, decision and label: one that needs a
    column which the model's log no longer has does not pass. Scores have to be finite, and in [0, 1] unless
    the model is a regression.
    """
    import numpy as np  # noqa: PLC0415 - most steps of a response score nothing

    from amends.measures.scoring import scores_in  # noqa: PLC0415 - as above

    rows = _handful(services, spec, incident)

    def prove(version: ModelVersion) -> None:
        """Score the rows. :raises ArtefactError: it does not load, does not score, or scores nonsense."""
        if rows is None:
            services.registry.load(version)
            return
        scores = scores_in(services.registry.apart(version)(rows)).to_numpy(dtype=float)
        bounded = spec.task == "regression" or bool(np.all((scores >= 0) & (scores <= 1)))
        if len(scores) != len(rows) or not np.all(np.isfinite(scores)) or not bounded:
            raise ArtefactError(
                f"version {version.version} of {version.model} gives scores that are none, such as "
                f"{scores.min() if len(scores) else None} to {scores.max() if len(scores) else None}. "
                "Choose another version."
            )

    return prove


def return_target(services: Services, spec: ModelSpec, incident: str) -> ModelVersion | None:
    """Find the newest earlier version that production may return to; None: a person must decide."""
    return rollback_target(
        services.ledger, services.registry, spec.name,
        known_bad=known_bad(services.ledger, spec.name, incident),
        proof=smoke_test(services, spec, incident),
    )  # fmt: skip


def _handful(services: Services, spec: ModelSpec, incident: str) -> "pd.DataFrame | None":
    """The first complete rows there are; a source that does not answer must not stop a rollback."""
    kept, reference = partial(services.ledger.kept_rows, incident), partial(_reference, services, spec)
    for read in (kept, reference):
        try:
            rows = _complete(spec, read())
        except AmendsError:
            continue
        if rows is not None:
            return rows
    return None


def _reference(services: Services, spec: ModelSpec) -> "Iterator[pa.RecordBatch]":
    if spec.windows is None:
        return iter(())
    window = Window(spec.name, spec.windows.reference_start, spec.windows.reference_end)
    return services.source.batches(spec, window)


def _complete(spec: ModelSpec, batches: "Iterable[pa.RecordBatch]") -> "pd.DataFrame | None":
    """Up to ``SMOKE_ROWS`` rows of one batch in which no feature is missing, without the answers."""
    answers = (spec.columns.score, spec.columns.predicted_label, spec.columns.label)
    for batch in batches:
        frame: pd.DataFrame = batch.to_pandas()
        whole = frame.dropna(subset=_present(spec.columns.features, frame)).head(SMOKE_ROWS)
        if len(whole):
            return whole.drop(columns=_present(answers, frame)).reset_index(drop=True)
    return None


def _present(names: Sequence[str], frame: "pd.DataFrame") -> list[str]:
    return [name for name in names if name in frame.columns]
