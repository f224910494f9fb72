"""Fairlearn's reductions, leaving plain scikit-learn estimators that can be stored without pickle.

Fairlearn's own ``ExponentiatedGradient`` and ``ThresholdOptimizer`` cannot be stored so. A grid search's
single predictors can: each is a copy of the team's estimator, fitted to relabelled and reweighted rows
(Agarwal et al. 2018, "A reductions approach to fair classification", section 3.4). The grid is one ray: the
multipliers point where the unconstrained model breaks the constraint, so it works for any number of groups:
each group's rows are moved in proportion to its gap.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from amends.errors import SpecError
from amends.measures.mitigation import PARITY
from amends.measures.recalibration import log_odds
from amends.measures.wrappers import Recalibrated, parent_scores

if TYPE_CHECKING:
    import pandas as pd

EVEN = 0.5
LEAST_ROWS = 100
"""Rows under which a group's own gap is noise that would drown the others': it pulls at nothing.

An interval of ten points each side (Wilson 1927, JASA 22), as ``fairness.min_group``.
"""


class FairlearnMitigator:
    """``ports.Mitigator`` on Fairlearn's reductions."""

    def reduced(
        self, estimator: Any, inputs: "pd.DataFrame", label: "pd.Series[int]", groups: "pd.Series[str]",
        *, constraint: str, strength: float, threshold: float,
    ) -> Any | None:  # fmt: skip
        """Fit one predictor of a grid search; see :class:`amends.ports.Mitigator`."""
        from fairlearn.reductions import GridSearch
        from sklearn.base import clone

        name = _weight_name(estimator)
        with _one_thread():
            ray = _violations(
                estimator, inputs, label, groups, moment=_moment(constraint, threshold), threshold=threshold
            )
            search = GridSearch(
                clone(estimator), _moment(constraint, threshold), sample_weight_name=name,
                grid=(ray * strength).to_frame(),
            )  # fmt: skip
            search.fit(inputs, label, sensitive_features=groups)
        [predictor] = search.predictors_
        if not hasattr(predictor, "feature_names_in_"):
            return None
        return predictor if threshold == EVEN else _moved(predictor, threshold)

    def weighted(
        self, estimator: Any, inputs: "pd.DataFrame", label: "pd.Series[int]", weights: Sequence[float]
    ) -> Any:
        """Fit a fresh copy with weights; see :class:`amends.ports.Mitigator`."""
        from sklearn.base import clone

        with _one_thread():
            return clone(estimator).fit(inputs, label, **{_weight_name(estimator): weights})


def _moment(constraint: str, threshold: float) -> Any:
    """Return Fairlearn's constraint, with errors weighed so that a decision at 0.5 stands for the threshold.

    A missed positive costs ``2 (1 - threshold)``, a false one ``2 threshold``: at 0.5 both cost 1.
    Source: Elkan (2001), "The foundations of cost-sensitive learning", theorem 1.
    """
    from fairlearn.reductions import DemographicParity, EqualizedOdds, ErrorRate

    moment = DemographicParity() if constraint == PARITY else EqualizedOdds()
    costs = {"fp": 2 * threshold, "fn": 2 * (1 - threshold)}
    moment.default_objective = lambda: ErrorRate(costs=costs)
    return moment


def _violations(
    estimator: Any, inputs: "pd.DataFrame", label: "pd.Series[int]", groups: "pd.Series[str]",
    *, moment: Any, threshold: float,
) -> "pd.Series[float]":  # fmt: skip
    """By how much the estimator breaks each constraint, scaled: no row's weight moves by more than 1."""
    moment.load_data(inputs, label, sensitive_features=groups)
    violated = moment.gamma(lambda rows: (parent_scores(estimator, rows) >= threshold).astype(int))
    share = moment.prob_group_event.reindex(violated.index.droplevel(0)).to_numpy()
    ray: pd.Series[float] = violated.clip(lower=0) * share * (share * len(label) >= LEAST_ROWS)
    most = float(moment.signed_weights(ray).abs().max())
    return ray / most if most > 0 else ray


def _weight_name(estimator: Any) -> str:
    """Name of the fit argument for sample weights: a pipeline takes it for its last step."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    name, last = estimator.steps[-1] if isinstance(estimator, Pipeline) else ("", estimator)
    if not has_fit_parameter(last, "sample_weight"):
        raise SpecError(
            f"training.function returned {type(last).__name__}, whose fit takes no sample_weight: it cannot "
            "be fitted under a fairness constraint. Return a scikit-learn estimator that takes it."
        )
    return f"{name}__sample_weight" if name else "sample_weight"


def _moved(predictor: Any, threshold: float) -> Recalibrated:
    """Move a predictor that decides at 0.5 so that it decides at the spec's threshold."""
    import numpy as np

    line = np.array([float(log_odds(np.array(threshold))), 1.0])
    return Recalibrated(predictor, "shift", line, np.empty(0))


def _one_thread() -> Any:
    """On busy cores, threads that wait for one another are many times slower."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)
