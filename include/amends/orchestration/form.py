"""What a person may ask for when they trigger a response by hand."""

from collections.abc import Mapping

from airflow.sdk import Param

from amends.domain.playbook import Playbook
from amends.domain.response import AS_DECIDED
from amends.domain.spec import ModelSpec


def trigger_form(specs: Mapping[str, ModelSpec], playbooks: Mapping[str, Playbook]) -> dict[str, Param]:
    """Return the trigger form: models and actions to choose from, a rehearsal unless it is unticked."""
    actions = {AS_DECIDED: "what the policy decides"} | {
        n: f"{n}: {one.does}" for n, one in playbooks.items()
    }
    titles = {"null": "(the incident's)"} | {
        name: f"{name} ({spec.importance}, {spec.owner})" for name, spec in specs.items()
    }
    return {
        "model": Param(
            None,
            type=["null", "string"],
            enum=[None, *specs],
            values_display=titles,
            title="Model",
            description="May stay empty where an incident is named.",
        ),
        "incident": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            title="Incident",
            description="Empty: the model's open incident, or a new one for your request.",
        ),
        "action": Param(
            AS_DECIDED,
            enum=list(actions),
            values_display=actions,
            title="Action",
            description="What to do, instead of what the policy decides.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Rehearse only",
            description="Say what would be done, and do nothing.",
        ),
        "reason": Param(
            "",
            type="string",
            maxLength=2000,
            title="Reason",
            description="Why you ask for this. It is kept in the ledger under your name.",
        ),
    }
