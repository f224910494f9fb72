"""Mitigate bias: several ways and strengths are tried, their price is shown, one becomes the candidate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError, SpecError
from amends.measures.arrow import Floats, as_floats, as_levels
from amends.measures.mitigation import (
    CONSTRAINTS,
    GAPS,
    PARITY,
    Attempt,
    Judged,
    choose,
    group_shifts,
    reweighing,
)
from amends.measures.scoring import scorer_of
from amends.measures.wrappers import GroupShifted
from amends.ports import Mitigator, Services
from amends.workflow.remedy import (
    HOLDOUT,
    Candidate,
    Made,
    candidate_of,
    check_learnable,
    history_of,
    register_candidate,
    split_by_time,
)
from amends.workflow.rows import complete_rows

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

METHOD = "mitigate_bias"
CHOICE = 0.25
"""Share of the training rows, the newest, that the attempts are measured on."""
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
BISECTIONS = 2
"""Further strengths, each halving the step beside the attempt that is nearest to what is wanted."""
UNKNOWN = "(missing)"


@dataclass(frozen=True, eq=False, kw_only=True)
class _Bench:
    """Rows to fit on and rows to measure on, by group; and what the constraint is."""

    mitigator: Mitigator
    spec: ModelSpec
    plain: Any
    inputs: "pd.DataFrame"
    label: "pd.Series[int]"
    groups: "pd.Series[str]"
    measured: "pd.DataFrame"
    judged: Judged
    constraint: str
    attribute: str
    limit: float

    def measure(
        self, method: str, strength: float, estimator: Any, *, uses_attribute: bool = False
    ) -> Attempt:
        """Measure an estimator on the rows that nothing was fitted on."""
        return self.judged.measure(
            method, strength, self.scores(estimator), self.constraint, uses_attribute=uses_attribute
        )

    def scores(self, estimator: Any) -> Floats:
        """Scores of the rows to measure on."""
        scores: Floats = scorer_of(estimator)(self.measured).to_numpy()
        return scores

    def reduced(self, strength: float) -> Any | None:
        """Fit the team's estimator under the constraint."""
        return self.mitigator.reduced(
            self.plain, self.inputs, self.label, self.groups,
            constraint=self.constraint, strength=strength, threshold=self.spec.decision_threshold,
        )  # fmt: skip


def mitigate_bias(
    services: Services, mitigator: Mitigator, spec: ModelSpec, *, incident: str, until: "datetime",
    parent: ModelVersion, attribute: str, constraint: str = PARITY, without: Sequence[Window] = (),
    at_scoring: bool = False,
) -> Candidate:  # fmt: skip
    """Try ways to a smaller gap, keep the curve as evidence, register the cheapest that keeps the limit.

    A reduction over a range of strengths and reweighing change what the model learns; it decides without the
    attribute. Thresholds by group use it when they score: only where ``at_scoring`` says so.

    :param attribute: the sensitive column whose groups are compared.
    :param constraint: ``demographic_parity`` (selection rates) or ``equalized_odds`` (error rates).
    :param at_scoring: allow attempts that read the attribute when they score; the tags then say so.
    :raises SpecError: the task, the attribute or the constraint is none that this can be done for, or the
        training function reads the attribute.
    :raises DataError: too few labelled rows, or fewer than two groups large enough to judge.
    """
    known = candidate_of(services, spec, incident, METHOD)
    if known is not None:
        return known
    _check(spec, attribute, constraint)
    span = history_of(services, spec, until)
    rows, end = complete_rows(services.source, spec, span, without=without)
    train, holdout, cut = split_by_time(spec, rows, HOLDOUT)
    check_learnable(spec, train)
    fitted, newer, _ = split_by_time(spec, train, CHOICE)
    bench = _bench(services, mitigator, spec, fitted, newer, attribute=attribute, constraint=constraint)
    tried = list(_attempts(bench, at_scoring=at_scoring))
    chosen = choose([attempt for attempt, _ in tried], bench.limit)
    served = bench.measure("parent", 0.0, services.registry.estimator(parent))
    made = Made(
        method=METHOD, estimator=next(estimator for attempt, estimator in tried if attempt is chosen),
        trained=Window(spec.name, span.start, cut), learnt=fitted,
        holdout=Window(spec.name, cut, end), judged=holdout,
        facts=_facts(services, bench, [served, *(attempt for attempt, _ in tried)], chosen),
    )  # fmt: skip
    return register_candidate(services, spec, incident, parent, made)


def _facts(services: Services, bench: _Bench, curve: Sequence[Attempt], chosen: Attempt) -> dict[str, Any]:
    """Say what was asked, what was chosen and what it costs; the whole curve goes into the ledger."""
    return {
        "attribute": bench.attribute,
        "constraint": bench.constraint,
        "limit": bench.limit,
        "attempt": chosen.document(),
        "price": _price(curve[0], chosen),
        "sensitive_at_scoring": [bench.attribute] if chosen.uses_attribute else [],
        "tradeoff": services.ledger.put_evidence("tradeoff", curve_document(curve, chosen)),
    }


def curve_document(curve: Sequence[Attempt], chosen: Attempt) -> dict[str, Any]:
    """Return the trade-off curve as JSON, one row an attempt: what reviewers are shown."""
    return {
        "schema_version": 1,
        "chosen": {"method": chosen.method, "strength": chosen.strength},
        "rows": [one.document() for one in curve],
    }


def _price(served: Attempt, chosen: Attempt) -> dict[str, list[float]]:
    """Each measure before and after: a smaller gap of one kind may widen another, where base rates differ.

    Source: Kleinberg, Mullainathan, Raghavan (2016), "Inherent trade-offs in the fair determination of risk
    scores".
    """
    return {name: [getattr(served, name), getattr(chosen, name)] for name in ("accuracy", "auc", *GAPS)}


def curve_of(services: Services, candidate: Candidate) -> list[Mapping[str, Any]]:
    """Read a candidate's trade-off curve back. :raises LedgerError: it is gone or was changed."""
    rows: list[Mapping[str, Any]] = services.ledger.evidence(candidate.facts["tradeoff"])["rows"]
    return rows


def _attempts(bench: _Bench, *, at_scoring: bool) -> Iterator[tuple[Attempt, Any]]:
    plain = bench.measure("none", 0.0, bench.plain)
    yield plain, bench.plain
    yield from _reductions(bench, plain)
    weights = reweighing(
        bench.label.to_numpy(), np.unique(bench.groups.to_numpy(dtype=str), return_inverse=True)[1]
    )
    reweighed = bench.mitigator.weighted(bench.plain, bench.inputs, bench.label, list(weights))
    yield bench.measure("reweighing", 1.0, reweighed), reweighed
    if at_scoring:
        yield from _thresholds(bench)


def _reductions(bench: _Bench, plain: Attempt) -> Iterator[tuple[Attempt, Any]]:
    """Try the strengths, then some more where the limit begins to be kept."""
    tried = [plain]
    waiting = list(STRENGTHS)
    while waiting:
        strength = waiting.pop(0)
        estimator = bench.reduced(strength)
        if estimator is not None:
            tried.append(bench.measure("reduction", strength, estimator))
            yield tried[-1], estimator
        if not waiting and len(tried) <= len(STRENGTHS) + BISECTIONS:
            waiting += _between(tried, bench.limit)


def _between(tried: Sequence[Attempt], limit: float) -> list[float]:
    """Return the next strength: below the weakest that keeps the limit, or beside the smallest gap.

    Beside it: below where the gap has turned round (another group now has the lowest rate), else above.
    """
    keeping = [one for one in tried if one.keeps(limit)]
    nearest = min(keeping or tried, key=lambda one: one.strength if keeping else one.gap)
    below = [one.strength for one in tried if one.strength < nearest.strength]
    above = [one.strength for one in tried if one.strength > nearest.strength]
    if below and (keeping or nearest.lowest != tried[0].lowest):
        return [(max(below) + nearest.strength) / 2]
    return [(min(above) + nearest.strength) / 2] if above and not keeping else []


def _thresholds(bench: _Bench) -> Iterator[tuple[Attempt, Any]]:
    """Thresholds by group on the plain model, found on the rows it was fitted on."""
    scores = scorer_of(bench.plain)(bench.inputs).to_numpy()
    known, number = np.unique(bench.groups.to_numpy(dtype=str), return_inverse=True)
    fitted = Judged(
        label=bench.label.to_numpy(), group=number, groups=tuple(str(one) for one in known),
        favourable=bench.judged.favourable, least=bench.judged.least, threshold=bench.judged.threshold,
    )  # fmt: skip
    for strength in STRENGTHS:
        shifts = group_shifts(scores, fitted, bench.constraint, strength)
        moved = GroupShifted(bench.plain, bench.attribute, shifts)
        yield bench.measure("group_thresholds", strength, moved, uses_attribute=True), moved


def _bench(
    services: Services, mitigator: Mitigator, spec: ModelSpec, fitted: pa.Table, newer: pa.Table,
    *, attribute: str, constraint: str,
) -> _Bench:  # fmt: skip
    frame = fitted.to_pandas()
    plain = services.trainer.train(spec, frame)
    names = list(getattr(plain, "feature_names_in_", spec.columns.features))
    if attribute in names:
        raise SpecError(
            f"model {spec.name!r}: training.function reads {attribute!r}, the attribute whose groups are "
            "compared. Leave it out of the inputs: groups are brought together without it."
        )
    columns = spec.columns
    return _Bench(
        mitigator=mitigator, spec=spec, plain=plain, inputs=frame[names],
        label=frame[columns.label].astype("int64"), groups=_levels(fitted, attribute),
        measured=newer.to_pandas(), judged=_judged(services, spec, newer, attribute),
        constraint=constraint, attribute=attribute, limit=_limit(services, spec, constraint),
    )  # fmt: skip


def _judged(services: Services, spec: ModelSpec, rows: pa.Table, attribute: str) -> Judged:
    policy = services.policy.overridden(spec.policy, f"model {spec.name!r}")
    least = {name: policy.limit(f"fairness.{name}") for name in ("min_group", "min_class")}
    label, _ = as_floats(rows.column(spec.columns.label))
    known, number = np.unique(_levels(rows, attribute).to_numpy(dtype=str), return_inverse=True)
    enough = np.bincount(number) >= least["min_group"]
    if enough.sum() <= 1:
        raise DataError(
            f"model {spec.name!r}: under two groups of {attribute!r} have {least['min_group']:g} labelled "
            "rows to be compared on. Wait for more, or group levels together."
        )
    return Judged(
        label=label.astype(np.int64), group=number.astype(np.int64), groups=tuple(str(one) for one in known),
        favourable=int(str(spec.favourable_label) in ("1", "1.0", "True")), least=least,
        threshold=spec.decision_threshold,
    )  # fmt: skip


def _levels(rows: pa.Table, attribute: str) -> "pd.Series[str]":
    levels: pd.Series[str] = as_levels(rows.column(attribute)).to_pandas().astype(object).fillna(UNKNOWN)
    return levels


def _limit(services: Services, spec: ModelSpec, constraint: str) -> float:
    policy = services.policy.overridden(spec.policy, f"model {spec.name!r}")
    if constraint == PARITY:
        return round(1 - policy.limit("fairness.selection_ratio"), 9)
    return policy.limit("fairness.rate_difference")


def _check(spec: ModelSpec, attribute: str, constraint: str) -> None:
    checks: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: spec.task == "binary_classification", f"task {spec.task} has no such remedy. Retrain it."),
        (lambda: spec.favourable_label is not None, "favourable_label is missing. Say which class is good."),
        (
            lambda: attribute in spec.columns.sensitive,
            f"{attribute!r} is no sensitive column. Choose one of: {', '.join(spec.columns.sensitive)}.",
        ),
        (
            lambda: constraint in CONSTRAINTS,
            f"constraint {constraint!r} is unknown. Choose one of: {', '.join(CONSTRAINTS)}.",
        ),
    )
    for holds, message in checks:
        if not holds():
            raise SpecError(f"model {spec.name!r}: {message}")
