"""The quality gate on real data: the one broken column is named, healthy months stay quiet."""

import json
import os
from pathlib import Path

import pytest
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.adapters.parquet import ParquetWindows
from amends.domain.findings import Verdict
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches

CASES = Path(os.environ.get("AMENDS_CASES", "../shared/data/cases"))
BROKEN = {"taxi_unit_error": {"trip_distance"}}

pytestmark = [
    pytest.mark.cases,
    pytest.mark.skipif(not CASES.is_dir(), reason="the real cases (AMENDS_CASES) are not here"),
]


def _cases() -> list[Path]:
    return sorted(path.parent for path in CASES.glob("*/case_public.json")) if CASES.is_dir() else []


@pytest.mark.parametrize("case", _cases(), ids=lambda path: path.name)
def test_only_broken_columns_are_named(case: Path) -> None:
    """Data quality breaches name exactly the columns that were broken by hand, else none."""
    public = json.loads((case / "case_public.json").read_text())
    roles = public["columns"]
    single = ("id", "timestamp", "model_version", "score", "predicted_label", "label", "sensitive")
    columns = {name: roles.get(name) for name in single}
    columns |= {"numeric": roles["features_numeric"], "categorical": roles["features_categorical"]}
    spec = spec_from_document(
        {
            "schema_version": 1, "name": public["case_id"], "task": "binary_classification",
            "importance": "high", "owner": "cases", "columns": columns,
        },
        case.name,
    )  # fmt: skip
    before = digest_batches(spec, ParquetWindows(case / "reference.parquet").batches(spec, None))
    now = digest_batches(spec, ParquetWindows(case / "current.parquet").batches(spec, None), before.grid)
    found = GreatExpectationsGate(load_policy()).check(spec, before, now)
    assert {one.column for one in found if one.is_breach} == BROKEN.get(case.name, set())
    assert not [one for one in found if one.verdict is Verdict.ERROR]
