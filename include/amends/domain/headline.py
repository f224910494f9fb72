"""The few numbers by which people follow a model from window to window."""

from collections.abc import Mapping, Sequence

from amends.domain.findings import Category, Finding

NAMES = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log-loss",
    "brier_score": "Brier score",
    "mean_absolute_error": "mean absolute error",
    "selection_rate_ratio": "selection-rate ratio",
    "true_positive_rate_difference": "gap in true positive rate",
    "false_positive_rate_difference": "gap in false positive rate",
}
"""What the measures are called, in the order in which people are told them."""
MOST = 5


def headline(findings: Sequence[Finding]) -> dict[str, float]:
    """Pick performance, and fairness by single attribute: ``{"auc": .., "selection_rate_ratio[sex]": ..}``.

    Of several findings on one measure (by version, say) the first counts.
    """
    numbers: dict[str, float] = {}
    for finding in findings:
        about = finding.attribute or ""
        if finding.metric in NAMES and finding.value is not None and isinstance(about, str):
            performance = finding.category is Category.PERFORMANCE
            if performance or (finding.category is Category.FAIRNESS and about):
                numbers.setdefault(f"{finding.metric}[{about}]" if about else finding.metric, finding.value)
    return numbers


def told(numbers: Mapping[str, float], before: Mapping[str, float] | None = None) -> str:
    """Say the most important numbers in one line, each after what it was before where that is known."""
    before = before or {}
    ranked = sorted(numbers, key=lambda name: (list(NAMES).index(name.partition("[")[0]), name))
    shown = _most_telling(ranked)
    return ", ".join(f"{_name(name)} {_number(numbers[name], before.get(name))}" for name in shown)


def _most_telling(ranked: Sequence[str]) -> list[str]:
    """Performance and fairness both get their say."""
    plain = [name for name in ranked if "[" not in name][: MOST - 2]
    grouped = [name for name in ranked if "[" in name][: MOST - len(plain)]
    return [*plain, *grouped]


def _name(key: str) -> str:
    metric, _, about = key.partition("[")
    return f"{NAMES[metric]} by {about.rstrip(']')}" if about else NAMES[metric]


def _number(value: float, before: float | None) -> str:
    return f"{value:.3f}" if before is None else f"{value:.3f} (was {before:.3f})"
