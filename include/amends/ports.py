"""What the workflow needs from the world. Adapters give it; fakes stand in for it in tests."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from amends.domain.events import ChainReport, Event, EventKind, NewEvent
from amends.domain.findings import Finding
from amends.domain.promotion import Champion, ModelVersion, Move
from amends.domain.spec import ModelSpec
from amends.domain.window import Window

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from amends.domain.policy import Policy
    from amends.measures.digests import WindowDigest
    from amends.measures.facts import WindowFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A row of the outbox: a fact that another DAG has to act on, until it is settled."""

    id: int
    topic: str
    key: str
    model: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Frozen rows: how many, and the digest of all their parts."""

    rows: int
    digest: str


class LedgerTransaction(Protocol):
    """One transaction on one model, under that model's lock; all or nothing."""

    def events(self, *, incident: str | None = None, kinds: Sequence[EventKind] = ()) -> Sequence[Event]:
        """Events of the transaction's model, in order."""

    def append(self, event: NewEvent) -> Event:
        """Append; an event whose key is known is returned as it was recorded, nothing is written."""

    def announce(self, topic: str, key: str, payload: Mapping[str, Any]) -> None:
        """Put a row in the outbox; a known (topic, key) stays as it is."""

    def settle(self, topic: str, key: str) -> None:
        """Mark an outbox row as acted upon."""

    def champion(self) -> Champion | None:
        """The champion by our record."""

    def move_champion(self, move: Move) -> Champion:
        """Compare and set: move the champion and append ``champion_moved`` with the move's key.

        A move whose key was carried out before returns that champion.

        :raises Superseded: the champion is no longer at ``move.seen_epoch`` (0: no champion yet).
        """


class Ledger(Protocol):
    """The append-only record, its outbox, its evidence."""

    def transaction(self, model: str) -> AbstractContextManager[LedgerTransaction]:
        """Open a transaction under the model's lock; it commits on exit, rolls back on an error."""

    def events(
        self, *, model: str | None = None, incident: str | None = None, kinds: Sequence[EventKind] = ()
    ) -> Sequence[Event]:
        """Events in order of ``seq``, filtered."""

    def pending(self, topic: str, model: str | None = None) -> Sequence[Announcement]:
        """Outbox rows not settled yet, oldest first."""

    def champion(self, model: str) -> Champion | None:
        """The champion by our record."""

    def put_evidence(self, kind: str, document: Mapping[str, Any]) -> str:
        """Store a JSON document under its content digest; storing it again changes nothing."""

    def evidence(self, digest: str) -> dict[str, Any]:
        """Read a document back. :raises LedgerError: it is absent or no longer fits its digest."""

    def keep_rows(self, incident: str, batches: "Iterable[pa.RecordBatch]") -> "Kept":
        """Keep an incident's rows as they are now, read-only; rows that were kept before stay as they are."""

    def kept_rows(self, incident: str) -> "Iterator[pa.RecordBatch]":
        """An incident's frozen rows; none where none were kept. :raises LedgerError: they were changed."""

    def verify(self) -> ChainReport:
        """Walk the whole chain."""


Scorer: TypeAlias = "Callable[[pd.DataFrame], pd.Series[float]]"
"""Scores in [0, 1] (a regression's predictions), one a row, in the frame's order. A model of several classes
answers with a frame: ``decision``, each row's likeliest class, and ``score``, its probability."""


class ModelRegistry(Protocol):
    """Model versions and the champion alias (MLflow)."""

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """All versions, newest first; an unknown model has none."""

    def version(self, model: str, version: str) -> ModelVersion:
        """One version. :raises ArtefactError: it does not exist."""

    def aliased(self, model: str) -> str | None:
        """Version number the champion alias points to now, or None."""

    def point_champion(self, model: str, version: str) -> None:
        """Set the champion alias and read it back. :raises Unavailable: the registry does not answer."""

    def register(
        self, model: str, estimator: Any, *, key: str, tags: Mapping[str, str],
        example: "pd.DataFrame", metrics: Mapping[str, float],
    ) -> ModelVersion:  # fmt: skip
        """Store a fitted estimator as a version; the same key again returns the first call's version."""

    def load(self, version: ModelVersion) -> Scorer:
        """Check the artefact against its digest, load it, return its scoring function.

        :raises ArtefactError: the artefact is missing, altered or does not load.
        """

    def apart(self, version: ModelVersion) -> Scorer:
        """Return a scoring function that fetches, checks, loads and scores in a sandbox, at each call.

        Calling it raises ArtefactError as :meth:`load` does, and where the version takes too long or too much
        memory, or tries to reach the network or other files.
        """

    def estimator(self, version: ModelVersion) -> Any:
        """Check and load as :meth:`load` does; return the estimator, for a remedy to wrap.

        :raises ArtefactError: the artefact is missing, altered or does not load.
        """


class WindowSource(Protocol):
    """Rows of the prediction log, streamed as Arrow record batches."""

    def batches(self, spec: ModelSpec, window: Window | None) -> "Iterator[pa.RecordBatch]":
        """Rows of a window in bounded memory (None: all). :raises DataError, Unavailable: as named."""

    def span(self, spec: ModelSpec) -> tuple[datetime, datetime] | None:
        """First and last event time there is, or None where the log is empty."""


@runtime_checkable
class CountedSource(Protocol):
    """A :class:`WindowSource` that can count a window for itself, so that a broken one is never sent."""

    def facts(self, spec: ModelSpec, window: Window) -> "WindowFacts":
        """Rows, nulls, repeated ids and span of a window. :raises DataError, Unavailable: as named."""


class QualityGate(Protocol):
    """Data-quality checks on a window before anything is believed (Great Expectations)."""

    def check(self, spec: ModelSpec, reference: "WindowDigest", current: "WindowDigest") -> Sequence[Finding]:
        """Findings of category data_quality and label_quality."""


class Reporter(Protocol):
    """A page for people to look at (Evidently), safe to open."""

    def render(
        self, spec: ModelSpec, reference: "WindowDigest", current: "WindowDigest", findings: Sequence[Finding]
    ) -> str:
        """HTML text."""


class Trainer(Protocol):
    """The user's training function."""

    def train(self, spec: ModelSpec, rows: "pd.DataFrame") -> Any:
        """Fit on rows with features and label; return an estimator with ``predict_proba``."""


class Imputer(Protocol):
    """Guesses a masked input from the others."""

    def fit(self, spec: ModelSpec, rows: "pd.DataFrame", column: str, inputs: Sequence[str]) -> Any:
        """Fit on rows in which the column can be believed; return an estimator with ``predict``.

        :raises DataError: the column has no value to learn from.
        """


class Mitigator(Protocol):
    """Fits a team's estimator so that groups come out more alike (Fairlearn)."""

    def reduced(
        self, estimator: Any, inputs: "pd.DataFrame", label: "pd.Series[int]", groups: "pd.Series[str]",
        *, constraint: str, strength: float, threshold: float,
    ) -> Any | None:  # fmt: skip
        """Fit a fresh copy of a fitted estimator under a constraint; None where all rows get one class.

        :param constraint: ``demographic_parity`` or ``equalized_odds``.
        :param strength: share in (0, 1] of an error's weight that the constraint may move at most.
        :raises SpecError: the estimator takes no sample weights.
        """

    def weighted(
        self, estimator: Any, inputs: "pd.DataFrame", label: "pd.Series[int]", weights: Sequence[float]
    ) -> Any:
        """Fit a fresh copy with a weight for each row. :raises SpecError: it takes no sample weights."""


class FairnessMetrics(Protocol):
    """Group metrics from a table of counts (Fairlearn)."""

    def by_group(self, table: "pa.Table", attributes: Sequence[str]) -> "pa.Table":
        """Rates per group, from columns ``attributes``, ``label``, ``predicted_label`` and ``count``.

        :returns: one row a group: ``selection_rate``, ``true_positive_rate``, ``false_positive_rate``, ...;
            a rate that has no row to rest on is null.
        :raises DataError: the table would make the library fail open (no 0/1 labels, nulls in an attribute).
        """


class Ask(Protocol):
    """Calls a function with arguments, in this process or in one that has loaded what it needs."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns. :raises Exception: what it raises."""


def here(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in this process: the plainest :class:`Ask`."""
    return function(*arguments)


class Aside(Protocol):
    """Starts a function with arguments, at once or in a process of its own."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        """Return what waits for what the function returns, or raises. :raises Exception: what it raises."""


def at_once(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Call a function before anything else is done: the plainest :class:`Aside`."""
    answer = function(*arguments)
    return lambda: answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The ports a workflow verb may need, for one model, and the policy it goes by.

    ``shadow``: where the shadow log of a trial is read from, where that is not ``source``.
    """

    ledger: Ledger
    registry: ModelRegistry
    source: WindowSource
    quality: QualityGate
    fairness: FairnessMetrics
    reporter: Reporter
    trainer: Trainer
    imputer: Imputer
    mitigator: Mitigator
    policy: "Policy"
    shadow: WindowSource | None = None
