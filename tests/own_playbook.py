"""A team's own step and playbook, put where the platform runbook says; no DAG file is touched."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends.adapters.files import load_policy
from amends.domain.decision import Situation, decide
from amends.domain.findings import Category
from dag_parsing import parse
from weeks import breach

DAGS = Path(__file__).parents[1] / "dags"
STEPS = """
from amends.workflow.playbooks import StepKind

SAID = []


def warn(services, spec, incident, options):
    SAID.append(options["desk"])
    return {"told": options["desk"], "model": spec.name}


def take_back(services, spec, incident, facts):
    SAID.append(facts["told"] + ": the model decides again")


WARN_DESK = StepKind(
    does="Tell the desk.", way_back="tell the desk that the model decides again", run=warn, undo=take_back,
    unmet=lambda facts: "" if facts["told"] else "nobody was told",
)
"""
PLAYBOOK: dict[str, Any] = {
    "schema_version": 1, "name": "warn_desk", "does": "Tells the credit desk to decide by hand.",
    "owner": "credit-desk", "nist": ["MANAGE 2.4"], "review_by": "2027-02-24",
    "steps": [
        {"step": "warn", "uses": "acme_steps:WARN_DESK", "minutes": 5, "options": {"desk": "north"}},
        {"step": "hand_to_people", "uses": "hand_to_people", "minutes": 5},
    ],
    "success": ["the desk has confirmed"], "postmortem": ["How many decisions were made by hand?"],
}  # fmt: skip


def decided_by_own_policy(folder: Path) -> list[str]:
    """What a policy of the team's own, beside the playbook, runs when performance is lost."""
    document = load_policy(None).document
    rules = [
        {**rule, "run": ["warn_desk"]} if rule["name"] == "performance-lost" else rule
        for rule in document["rules"]
    ]
    (folder / "policy.yaml").write_text(yaml.safe_dump({**document, "rules": rules}))
    policy = load_policy(folder / "policy.yaml", folder / "playbooks")
    lost = replace(breach(Category.PERFORMANCE), metric="auc")
    call = decide([lost], importance="high", policy=policy, situation=Situation())
    assert call is not None
    return list(call.playbooks)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Write the two files; the function returned parses the DAG folder as it is, and what the step said."""
    home, installed = tmp_path / "playbooks", tmp_path / "installed"
    home.mkdir()
    installed.mkdir()
    (installed / "acme_steps.py").write_text(STEPS)
    (home / "warn_desk.yaml").write_text(yaml.safe_dump(PLAYBOOK))
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("AMENDS_PLAYBOOKS", str(home))
    monkeypatch.delitem(sys.modules, "acme_steps", raising=False)

    def parsed() -> Any:
        bag = parse(DAGS)
        assert not bag.import_errors
        return bag, sys.modules["acme_steps"].SAID

    return parsed
