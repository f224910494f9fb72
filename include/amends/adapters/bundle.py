"""The vendors beside a ledger, a registry and a log: all the ports that the workflow's verbs ask for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.ports import Ledger, ModelRegistry, Services, WindowSource


def bundle(
    policy: "Policy", *, ledger: "Ledger", registry: "ModelRegistry", source: "WindowSource",
    shadow: "WindowSource",
) -> "Services":  # fmt: skip
    """Bundle the ports for one model, under its policy. Nothing is connected before it is used."""
    from amends.adapters.evidently import EvidentlyReporter
    from amends.adapters.fairlearn_metrics import FairlearnMetrics
    from amends.adapters.fairlearn_mitigation import FairlearnMitigator
    from amends.adapters.great_expectations import GreatExpectationsGate
    from amends.adapters.imputation import TreeImputer
    from amends.adapters.training import FunctionTrainer
    from amends.ports import Services

    return Services(
        ledger=ledger,
        registry=registry,
        source=source,
        quality=GreatExpectationsGate(policy),
        fairness=FairlearnMetrics(),
        reporter=EvidentlyReporter(),
        trainer=FunctionTrainer(),
        imputer=TreeImputer(),
        mitigator=FairlearnMitigator(),
        policy=policy,
        shadow=shadow,
    )
