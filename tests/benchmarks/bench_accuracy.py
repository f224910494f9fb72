"""P4: what the digest says beside what scipy, Fairlearn and scikit-learn say on the rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from frames import CATEGORICAL, NUMERIC, SENSITIVE
from goals import goal

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


@dataclass(frozen=True)
class Pair:
    """Two windows as rows and as digests."""

    rows: tuple[pd.DataFrame, pd.DataFrame]
    digests: tuple

    @classmethod
    def of(cls, folder: Path) -> "Pair":
        """Read both."""
        from amends.adapters.files import load_spec
        from amends.adapters.parquet import ParquetWindows
        from amends.workflow.digest import digest_window

        spec = load_spec(folder / "spec.yaml")
        paths = [folder / f"{name}.parquet" for name in ("reference", "current")]
        before = digest_window(spec, ParquetWindows(paths[0]), None)
        now = digest_window(spec, ParquetWindows(paths[1]), None, before)
        return cls(tuple(map(pd.read_parquet, paths)), (before, now))


def test_the_digest_is_as_exact_as_promised(logs: Path, rows: int) -> None:
    """Wasserstein within its bounds, Jensen-Shannon and group rates exact, AUC within 1e-4."""
    pair = Pair.of(logs)
    inside, width = wasserstein_distances(pair)
    figure = f"{inside} within bounds at most {width:.1e} sd apart"
    goal(
        "P4", f"Wasserstein of {len(NUMERIC)} columns, {rows} rows", figure, "all", met=inside == len(NUMERIC)
    )
    apart = jensen_shannon_distances(pair)
    goal("P4", "Jensen-Shannon of categories", f"off by {apart:.1e}", "exact (1e-9)", met=apart < 1e-9)
    apart = group_rates(pair)
    goal("P4", "rates of all groups and intersections", f"off by {apart:.1e}", "<= 1e-12", met=apart <= 1e-12)
    apart = areas_under_the_curve(pair)
    goal("P4", "AUC", f"off by {apart:.1e}", "<= 1e-4", met=apart <= 1e-4)


def wasserstein_distances(pair: Pair) -> tuple[int, float]:
    """How many of scipy's distances lie within the bounds, and the widest bounds in standard deviations."""
    from amends.measures.distances import wasserstein
    from scipy.stats import wasserstein_distance

    inside, width = 0, 0.0
    for name in NUMERIC:
        was, now = (frame[name].to_numpy() for frame in pair.rows)
        truth = wasserstein_distance(was, now)
        bounds = wasserstein(*(one.numeric[name] for one in pair.digests))
        inside += bounds.low - 1e-12 <= truth <= bounds.high + 1e-12
        width = max(width, (bounds.high - bounds.low) / was.std())
    return inside, width


def jensen_shannon_distances(pair: Pair) -> float:
    """Largest difference from scipy's distance."""
    from amends.measures.distances import jensen_shannon
    from scipy.spatial.distance import jensenshannon

    apart = 0.0
    for name in CATEGORICAL:
        was, now = (frame[name].value_counts(normalize=True) for frame in pair.rows)
        levels = sorted({*was.index, *now.index})
        truth = jensenshannon(*(one.reindex(levels, fill_value=0.0) for one in (was, now)))
        apart = max(apart, abs(truth - jensen_shannon(*(one.categorical[name] for one in pair.digests))))
    return apart


def group_rates(pair: Pair) -> float:
    """Largest difference from Fairlearn on the rows: three attributes and their intersections."""
    from amends.adapters.fairlearn_metrics import FairlearnMetrics
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    metrics = dict(zip(RATES, (selection_rate, true_positive_rate, false_positive_rate), strict=True))
    apart = 0.0
    for frame, digest in zip(pair.rows, pair.digests, strict=True):
        counted = pa.Table.from_pandas(
            digest.contingency().to_pandas().astype({"label": int, "predicted_label": int})
        )
        for attributes in [*([name] for name in SENSITIVE), SENSITIVE]:
            truth = MetricFrame(
                metrics=metrics,
                y_true=frame["label"],
                y_pred=frame["predicted"],
                sensitive_features=frame[attributes],
            ).by_group
            ours = FairlearnMetrics().by_group(counted, attributes).to_pandas().set_index(attributes)
            gap = (ours.loc[truth.index, list(RATES)] - truth[list(RATES)]).abs().to_numpy()
            apart = max(apart, float(gap.max()))
    return apart


def areas_under_the_curve(pair: Pair) -> float:
    """Largest difference from scikit-learn's AUC on the rows."""
    from sklearn.metrics import roc_auc_score

    apart = 0.0
    for frame, digest in zip(pair.rows, pair.digests, strict=True):
        negative, positive, _ = (counts.astype(float) for counts in digest.scores[""])
        below = np.cumsum(negative) - negative / 2
        ours = float((positive * below).sum() / (positive.sum() * negative.sum()))
        apart = max(apart, abs(ours - roc_auc_score(frame["label"], frame["score"])))
    return apart
