"""Model specs and the policy, as parsed from YAML, that tests start from."""

import copy
from typing import Any

from amends.adapters.files import load_policy
from amends.domain.spec import ModelSpec, spec_from_document

MINIMAL: dict[str, Any] = {
    "schema_version": 1,
    "name": "adult_income",
    "task": "binary_classification",
    "importance": "high",
    "owner": "risk-ml",
    "columns": {
        "id": "row_id",
        "timestamp": "timestamp",
        "score": "prediction",
        "predicted_label": "predicted_label",
        "label": "label",
        "numeric": ["age"],
        "categorical": ["occupation"],
        "sensitive": ["sex"],
    },
}
FULL: dict[str, Any] = {
    **MINIMAL,
    "source": {"kind": "postgres", "connection": "amends_db", "table": "public.log"},
    "windows": {"reference": {"start": "2026-01-01", "end": "2026-02-01"}, "length_days": 14},
    "roles": {"legal": ["lena"]},
    "training": {"function": "shop.training:train", "history_days": 30},
}
LOGGED: dict[str, Any] = {
    "schema_version": 1, "name": "sample", "task": "binary_classification", "importance": "high",
    "owner": "tests", "favourable_label": None,
    "columns": {
        "id": "id", "timestamp": "at", "score": "score", "predicted_label": "predicted", "label": "label",
        "numeric": ["income"],
    },
}  # fmt: skip
"""A model with one input, whose rows tests write themselves."""


def written() -> dict[str, Any]:
    """The default policy as written, free to be spoiled."""
    document: dict[str, Any] = copy.deepcopy(dict(load_policy().document))
    return document


def with_inputs(numeric: tuple[str, ...], levels: tuple[str, ...]) -> ModelSpec:
    """A model of two classes with these inputs and no sensitive attribute."""
    columns = {**LOGGED["columns"], "numeric": list(numeric), "categorical": list(levels)}
    return spec_from_document({**LOGGED, "name": "m", "columns": columns}, "m.yaml")
