"""Real incidents, where their data are: what must be found is found, what is healthy stays quiet."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.adapters.parquet import ParquetWindows
from amends.domain.assessment import Assessment
from amends.domain.spec import ModelSpec, spec_from_document
from amends.workflow.assess import assess
from amends.workflow.digest import digest_window

CASES = Path(os.environ.get("AMENDS_CASES", Path(__file__).parents[2] / "../shared/data/cases"))
FOLDERS = sorted(path.parent for path in CASES.glob("*/expect.json")) if CASES.is_dir() else []

pytestmark = [
    pytest.mark.cases,
    pytest.mark.skipif(not FOLDERS, reason=f"no real cases in {CASES.name}: set AMENDS_CASES"),
    pytest.mark.filterwarnings(
        "ignore:module 'sre_constants' is deprecated:DeprecationWarning"  # great_expectations imports it
    ),
]


def spec_of(case: dict[str, Any]) -> ModelSpec:
    """The spec that a case's column roles describe."""
    roles = dict(case["columns"])
    columns = {
        "numeric": roles.pop("features_numeric", []),
        "categorical": roles.pop("features_categorical", []),
        **roles,
    }
    document = {
        "schema_version": 1, "name": case["case_id"], "task": "binary_classification", "importance": "high",
        "owner": "cases", "columns": columns, "decision_threshold": case["decision_threshold"],
        "favourable_label": case["favourable_label"],
    }  # fmt: skip
    return spec_from_document(document, case["case_id"])


def assessed(folder: Path) -> Assessment:
    """Assess a case as `amends check` does."""
    spec, policy = spec_of(json.loads((folder / "case_public.json").read_text())), load_policy()
    reference = digest_window(spec, ParquetWindows(folder / "reference.parquet"), None)
    current = digest_window(spec, ParquetWindows(folder / "current.parquet"), None, like=reference)
    gate = GreatExpectationsGate(policy)
    return assess(spec, policy, reference, current, quality=gate, fairness=FairlearnMetrics())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_real_case_is_answered_as_its_authors_expect(folder: Path) -> None:
    """Incident or none, the categories that must breach, the playbooks that fit."""
    expected, found = json.loads((folder / "expect.json").read_text()), assessed(folder)
    breaches = {
        f"{f.category}:{about}"
        for f in found.findings
        if f.is_breach
        for about in (f.column, f.attribute, "")
    }
    assert (found.incident is not None) == expected["incident"]
    for alternatives in expected.get("must", []):
        assert any(one in breaches or f"{one}:" in breaches for one in alternatives)
    assert not {one for one in expected.get("never", []) if f"{one}:" in breaches}
    assert (found.incident.playbook if found.incident else "none") in expected["playbook_in"]
