"""Both versions of a stress test, loaded, the rows that they are tried on, and how a number is ruled on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.validation import STRESS
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats, as_floats
from amends.measures.digests import WindowDigest
from amends.measures.proxies import Measure
from amends.measures.robustness import answers
from amends.measures.scoring import scorer_of

if TYPE_CHECKING:
    import pandas as pd

    from amends.ports import ModelRegistry, Scorer

MOST_ROWS = 2000
SEED = 20261125
"""Fixed: the same rows and versions give the same findings."""
TAIL = 0.025
"""As the gate's: 95 % intervals, shared (Bonferroni) where several numbers compete for the worst."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Loaded:
    """A version with its scoring function, and the inputs that its estimator names (None: it names none).

    ``recipe``: kind and parameters of its last step, where it says them; two versions of one recipe were
    fitted alike, to other rows.
    """

    version: ModelVersion
    inputs: tuple[str, ...] | None
    score: "Scorer"
    recipe: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Bench:
    """What every check of a stress test is given.

    ``rows``: labelled rows that the candidate was not trained on; ``allowed``: sensitive columns that people
    allowed the candidate to read when it scores.
    """

    spec: ModelSpec
    policy: Policy
    reference: WindowDigest
    champion: Loaded
    candidate: Loaded
    rows: pa.Table
    allowed: tuple[str, ...] = ()

    @cached_property
    def sample(self) -> pa.Table:
        """At most 2 000 of the rows, drawn once."""
        return drawn(self.rows, MOST_ROWS)

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The sample, to be scored."""
        found: pd.DataFrame = self.sample.to_pandas()
        return found

    @cached_property
    def label(self) -> Counts:
        """Labels of the sample, 0 or 1."""
        return labels_of(self.spec, self.sample)

    @cached_property
    def scores(self) -> tuple[Floats, Floats]:
        """The sample's scores by champion and candidate."""
        return answers(self.champion.score, self.frame), answers(self.candidate.score, self.frame)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Numeric features that the candidate reads."""
        return tuple(name for name in self.spec.columns.numeric if self._read(name))

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Features of levels that the candidate reads."""
        return tuple(name for name in self.spec.columns.categorical if self._read(name))

    def both(self, rows: "pd.DataFrame") -> tuple[Floats, Floats]:
        """Rows scored by champion and candidate."""
        return answers(self.champion.score, rows), answers(self.candidate.score, rows)

    def _read(self, name: str) -> bool:
        return self.candidate.inputs is None or name in self.candidate.inputs


def load(registry: "ModelRegistry", version: ModelVersion) -> Loaded:
    """Check and load a version. :raises ArtefactError: it is missing, altered or does not load."""
    estimator: Any = registry.estimator(version)
    named = getattr(estimator, "feature_names_in_", None)
    inputs = None if named is None else tuple(str(one) for one in named)
    return Loaded(version=version, inputs=inputs, score=scorer_of(estimator), recipe=_recipe(estimator))


def _recipe(estimator: Any) -> str | None:
    steps = getattr(estimator, "steps", None)
    last = steps[-1][1] if steps else estimator
    if not hasattr(last, "get_params"):
        return None
    return f"{type(last).__name__}: {sorted(last.get_params().items(), key=lambda one: str(one[0]))!r}"


def drawn(rows: pa.Table, most: int) -> pa.Table:
    """At most so many rows, the same ones each time, in their order."""
    if rows.num_rows <= most:
        return rows
    chosen = np.random.default_rng(SEED).choice(rows.num_rows, most, replace=False)
    return rows.take(pa.array(np.sort(chosen)))


def labels_of(spec: ModelSpec, rows: pa.Table) -> Counts:
    """Labels of rows. :raises DataError: one is not 0 or 1."""
    label, _ = as_floats(rows.column(spec.columns.label))
    if not np.isin(label, (0.0, 1.0)).all():
        raise DataError(
            f"the label in column {spec.columns.label!r} is not always 0 or 1. Write 0 and 1, or null."
        )
    return label.astype(np.int64)


def interval_of(measure: Measure, comparisons: int = 1) -> tuple[float, float]:
    """Interval of a measure that is one of several to be compared."""
    width = float(ndtri(1 - TAIL / max(comparisons, 1))) * measure.error
    return measure.value - width, measure.value + width


def ruled(measure: Measure, limit: float, comparisons: int = 1) -> Verdict:
    """Say whether a harm keeps its limit: only an excess that is proven is a breach."""
    low, high = interval_of(measure, comparisons)
    if not np.isfinite(measure.value) or not np.isfinite(measure.error):
        return Verdict.INCONCLUSIVE
    if low > limit:
        return Verdict.BREACH
    return Verdict.PASS if measure.value <= limit or high <= limit else Verdict.INCONCLUSIVE


def harm(
    metric: str, category: Category, measure: Measure, limit: float, reason: str, *, n: int,
    comparisons: int = 1, reference: float | None = None, column: str | tuple[str, ...] | None = None,
    attribute: str | tuple[str, ...] | None = None, groups: Sequence[str] = (),
) -> Finding:  # fmt: skip
    """A finding on a number of which more is worse."""
    known = bool(np.isfinite(measure.value) and np.isfinite(measure.error))
    return Finding(
        category=category, metric=f"{STRESS}{metric}", verdict=ruled(measure, limit, comparisons),
        reason=reason if known else f"cannot be computed on these {n} rows",
        column=column, attribute=attribute, groups=tuple(groups),
        value=measure.value if known else None, reference_value=reference, threshold=limit,
        interval=interval_of(measure, comparisons) if known else None, n=n,
    )  # fmt: skip


def told(
    metric: str, category: Category, verdict: Verdict, reason: str, *, n: int | None = None,
    column: str | tuple[str, ...] | None = None, attribute: str | tuple[str, ...] | None = None,
    value: float | None = None, threshold: float | None = None,
) -> Finding:  # fmt: skip
    """A finding without an interval."""
    return Finding(
        category=category, metric=f"{STRESS}{metric}", verdict=verdict, reason=reason, n=n, column=column,
        attribute=attribute, value=value, threshold=threshold,
    )  # fmt: skip
