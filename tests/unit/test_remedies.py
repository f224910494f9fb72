"""What all remedies share: one shape of lineage, one version however often they are tried."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from amends.domain.events import EventKind, NewEvent
from amends.workflow.remedy import Candidate, candidate_of
from remedy_story import (
    SPEC,
    WINDOW,
    logs,
    masked,
    mitigated,
    parent,
    recalibrated,
    retrained,
    services,
)

pytestmark = pytest.mark.usefixtures("one_thread")


REMEDIES: dict[str, Callable[..., Candidate]] = {
    "recalibrate": recalibrated, "mask": masked, "mitigate_bias": mitigated, "retrain": retrained,
    "retrain_without": lambda given, **changes: retrained(given, dropped=["income"], **changes),
}  # fmt: skip


@pytest.mark.parametrize("method", list(REMEDIES))
def test_every_remedy_is_a_version_with_one_shape_of_lineage(method: str) -> None:
    """Incident, parent, rows, data digest, policy, spec, code, method: in tags and in the record alike."""
    given = services(logs("shifted"))
    made = REMEDIES[method](given)
    tags = dict(made.version.tags)

    assert made.method == tags["amends.method"] == method
    assert made.parent == tags["amends.parent"] == "1"
    assert tags["amends.parent_digest"] == parent(given).digest
    assert (tags["amends.incident"], tags["amends.key"]) == ("i-1", f"{method}:i-1")
    assert (tags["amends.policy"], tags["amends.spec"]) == (given.policy.digest, SPEC.digest)
    assert tags["amends.code"]
    assert made.data == tags["amends.data"]
    assert made.data.startswith("sha256:")
    assert made.rows >= 500
    assert json.loads(tags["amends.facts"]) == json.loads(json.dumps(dict(made.facts)))
    assert len(tags["amends.facts"]) < 8000  # MLflow cuts a run's tag there
    assert made.trained.end <= made.holdout.start
    assert made.holdout.end == WINDOW.end


@pytest.mark.parametrize("method", list(REMEDIES))
def test_a_retry_registers_nothing_twice(method: str) -> None:
    """A second attempt returns the first one's version; another method and another incident get their own."""
    given = services(logs("shifted"))
    first = REMEDIES[method](given)

    assert REMEDIES[method](given) == first
    assert candidate_of(given, SPEC, "i-1", method) == first
    assert candidate_of(given, SPEC, "i-1") == first
    assert candidate_of(given, SPEC, "i-2", method) is None
    assert [one.version for one in given.registry.versions(SPEC.name)] == ["2", "1"]


def test_two_remedies_of_one_incident_are_told_apart() -> None:
    """Each method finds its own version, by tags and once the ledger holds them by its facts."""
    given = services(logs("shifted"))
    made = [recalibrated(given), retrained(given)]
    assert [candidate_of(given, SPEC, "i-1", one.method) for one in made] == made

    call = {"severity": "SEV2", "category": "performance", "categories": ["performance"]}
    with given.ledger.transaction(SPEC.name) as ledger:
        facts = [(EventKind.INCIDENT_OPENED, {"call": call})]
        facts += [(EventKind.CANDIDATE_REGISTERED, one.document()) for one in made]
        for number, (kind, payload) in enumerate(facts):
            ledger.append(
                NewEvent(kind=kind, key=str(number), model=SPEC.name, incident="i-1", payload=payload)
            )
    registry: Any = given.registry
    registry.retag(SPEC.name, "2", **{"amends.method": "retrain", "amends.parent": "9"})
    for one in made:
        found = candidate_of(given, SPEC, "i-1", one.method)
        assert found is not None
        assert found.document() == one.document()
