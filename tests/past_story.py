"""A small lender with a past: weeks that were served, incidents that were frozen and are over."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.promotion import ModelVersion
from amends.domain.window import Window
from amends.ports import Services
from amends.workflow.freeze import freeze
from amends.workflow.gate import Narrowing, gate
from amends.workflow.past_incidents import replay_incidents
from fake_quality import FakeQuality
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger
from lending import applicants, digested, lending_spec, scored, sigmoid

SPEC = lending_spec()
NAME, START = SPEC.name, datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 2000
POLICY = load_policy()
Score = Callable[[pd.DataFrame], Any]


class Model:
    """Scores rows by a function of its own."""

    def __init__(self, score: Score) -> None:
        self._score = score

    def predict(self, rows: pd.DataFrame) -> Any:
        """One score a row."""
        return np.asarray(self._score(rows), dtype=float)


def fair(rows: pd.DataFrame) -> Any:
    """Good scores, for everybody alike."""
    return sigmoid(1.2 * rows["income"])


def biased(rows: pd.DataFrame) -> Any:
    """The same for men; women score far lower."""
    return np.where(rows["sex"] == "f", 0.6 * fair(rows), fair(rows))


def unranked(rows: pd.DataFrame) -> Any:
    """Scores of income turned round."""
    return sigmoid(-1.2 * rows["income"])


def fragile(rows: pd.DataFrame) -> Any:
    """Good scores, but miles that are missing make the score missing, too."""
    return fair(rows) + 0 * rows["miles"]


def strict(rows: pd.DataFrame) -> Any:
    """An estimator that refuses what is missing."""
    if rows["miles"].isna().any():
        raise ValueError("Input contains NaN")
    return fair(rows)


def week(number: int) -> Window:
    """The window of a week; its rows come minute by minute."""
    start = START + timedelta(weeks=number)
    return Window(NAME, start, start + timedelta(weeks=1))


def people(number: int) -> pd.DataFrame:
    """The applicants of a week."""
    drawn = applicants(ROWS, seed=number + 1)
    return drawn.assign(at=pd.date_range(week(number).start, periods=ROWS, freq="min"))


def served(number: int, score: Score, broken: bool = False) -> pd.DataFrame:
    """A week's rows as they were served."""
    rows = people(number)
    if broken:
        rows = rows.assign(miles=np.nan)
    with np.errstate(invalid="ignore"):
        return scored(rows, np.nan_to_num(np.asarray(score(rows), dtype=float), nan=0.5)).to_pandas()


def world(*logs: pd.DataFrame) -> Services:
    """A model without a history, over a log."""
    nothing: Any = None
    return Services(
        ledger=FakeLedger(), registry=FakeRegistry(), source=FakeSource(pd.concat(logs, ignore_index=True)),
        quality=FakeQuality(), fairness=nothing, reporter=nothing, trainer=nothing, imputer=nothing,
        mitigator=nothing, policy=POLICY,
    )  # fmt: skip


def lead(category: Category, metric: str, **facts: Any) -> Finding:
    """A breach that an incident is opened on."""
    facts = {"value": 0.5, "reference_value": 0.85, "threshold": 0.03, **facts}
    return Finding(category=category, metric=metric, verdict=Verdict.BREACH, reason="said then", **facts)


GAP = lead(Category.FAIRNESS, "selection_rate_ratio", attribute="sex", threshold=0.8)
RANKING = lead(Category.PERFORMANCE, "auc")
NULLS = lead(Category.DATA_QUALITY, "null_share", column="miles")


def happened(given: Services, number: int, finding: Finding) -> str:
    """An incident of a week, frozen and over."""
    incident = f"{NAME}-2026010{number}-0a1b2c3d"
    call = {
        "category": str(finding.category), "categories": [str(finding.category)], "severity": "SEV2",
        "playbook": "retrain", "playbooks": ["retrain"], "because": ["rule"],
    }  # fmt: skip
    evidence = given.ledger.put_evidence("assessment", {"findings": [finding.document()], "n": number})
    payload = {"window": week(number).document(), "assessment": evidence, "call": call}
    told(given, incident, EventKind.INCIDENT_OPENED, payload)
    freeze(given, SPEC, incident)
    told(given, incident, EventKind.INCIDENT_CLOSED, {"reason": "over"})
    return incident


def told(given: Services, incident: str, kind: EventKind, payload: Any) -> None:
    """Append an event of an incident."""
    event = NewEvent(kind=kind, key=f"{kind}:{incident}", model=NAME, incident=incident, payload=payload)
    with given.ledger.transaction(NAME) as ledger:
        ledger.append(event)


def version(given: Services, score: Score) -> ModelVersion:
    """Register a model."""
    key = f"{score.__name__}:{len(given.registry.versions(NAME))}"
    return given.registry.register(NAME, Model(score), key=key, tags={}, example=people(0), metrics={})


def replayed(given: Services, score: Score, **more: Any) -> tuple[Finding, ...]:
    """Replay the past against a model."""
    return replay_incidents(given, SPEC, version(given, score), **more)


def blessed(given: Services, score: Score, narrowing: Narrowing | None = None) -> Any:
    """What the gate says of a model beside an equal champion, with the past weighed in."""
    now = people(9)
    table = scored(now, fair(now))
    return gate(
        SPEC, POLICY, FakeQuality(), reference=digested(SPEC, table), champion=table, candidate=table,
        further=replayed(given, score), narrowing=narrowing,
    )  # fmt: skip


@pytest.fixture
def past() -> tuple[Services, str, str]:
    """A model with two past incidents: women were scored low, then miles were missing."""
    given = world(served(1, biased), served(2, fragile, broken=True))
    return given, happened(given, 1, GAP), happened(given, 2, NULLS)
