"""How grave an incident is: the gravest of its categories, one step up when it is broad."""

from collections.abc import Sequence

from amends.domain.policy import SEVERITIES, Policy


def severity_of(categories: Sequence[str], importance: str, policy: Policy) -> tuple[str, str]:
    """Grade breached categories on a model of some importance.

    :returns: severity and the reason for it.
    """
    graded = [(policy.severities[category][importance], category) for category in categories]
    worst, category = min(graded, key=lambda pair: SEVERITIES.index(pair[0]))
    reason = f"severity {worst}: {category} on a model of {importance} importance"
    if len(categories) < policy.breadth or worst == SEVERITIES[0]:
        return worst, reason
    raised = SEVERITIES[SEVERITIES.index(worst) - 1]
    return raised, f"{reason}; raised to {raised}: {len(categories)} categories at once"
