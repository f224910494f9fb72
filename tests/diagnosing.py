"""An incident of a small credit model, frozen, and its diagnosis."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import spec_from_document
from amends.ports import Services
from amends.workflow import freeze
from amends.workflow.diagnose import diagnose
from remedy_story import DOCUMENT, REFERENCE, WINDOW, services, serving

SPEC = spec_from_document(
    {
        **DOCUMENT,
        "windows": {
            "reference": {"start": REFERENCE.start.isoformat(), "end": REFERENCE.end.isoformat()},
            "length_days": 20,
        },
    },
    "credit.yaml",
)
INCIDENT = "credit-1"
ONSET = WINDOW.start + timedelta(days=7)


class Rule:
    """A version that scores by a formula."""

    def __init__(self, formula: Any) -> None:
        self.formula = formula

    def predict(self, rows: pd.DataFrame) -> Any:
        """Score rows."""
        return self.formula(rows)


def good(rows: pd.DataFrame) -> Any:
    """Scores close to how labels are drawn."""
    odds = 1.5 * rows["income"] + 0.8 * rows["hours"] - 0.6 + 0.3 * (rows["region"] == "north")
    return 1 / (1 + np.exp(-odds))


def blind_in_the_south(rows: pd.DataFrame) -> Any:
    """As good, but it is turned around for the south."""
    return pd.Series(good(rows)).where(rows["region"] == "north", 1 - good(rows))


def incident(
    log: pd.DataFrame, *models: Any, findings: tuple[Finding, ...] = (), spec: Any = SPEC
) -> Services:
    """A house with these versions, the last one serving, and an open incident with its rows frozen."""
    given = services(log, model=Rule(models[0]))
    serving(given, "1")
    for number, model in enumerate(models[1:], 2):
        given.registry.register(
            spec.name, Rule(model), key=f"release {number}", tags={}, example=log.head(), metrics={}
        )
        serving(given, str(number))
    call = {
        "severity": "SEV2", "category": "performance", "categories": ["performance"], "playbook": "retrain",
        "playbooks": ["retrain"], "because": ["a rule of the test"],
    }  # fmt: skip
    assessment = given.ledger.put_evidence(
        "assessment", {"findings": [one.document() for one in findings], "incident": call}
    )
    facts = {"call": call, "window": WINDOW.document(), "assessment": assessment}
    with given.ledger.transaction(spec.name) as ledger:
        ledger.append(
            NewEvent(kind=EventKind.INCIDENT_OPENED, key="open", model=spec.name, incident=INCIDENT,
                     payload=facts)
        )  # fmt: skip
    freeze.freeze(given, spec, INCIDENT)
    return given


def about(*columns: str) -> list[Finding]:
    """What the assessment found broken."""
    return [
        Finding(category=Category.DATA_QUALITY, metric="m", verdict=Verdict.BREACH, reason="r", column=name)
        for name in columns
    ]


def diagnosed(given: Services, spec: Any = SPEC) -> dict[str, Any]:
    """The diagnosis in full."""
    return given.ledger.evidence(diagnose(given, spec, INCIDENT)["evidence"])
