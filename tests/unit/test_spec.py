"""A model spec is read whole or refused with the way out."""

import copy

import pytest
from amends.domain.spec import spec_from_document
from amends.errors import SpecError
from samples import FULL, MINIMAL


def changed(document: dict, path: str, value: object) -> dict:
    """A copy with one key set; a value of ... takes it out."""
    copied = copy.deepcopy(document)
    at = copied
    *parents, last = path.split(".")
    for parent in parents:
        at = at[parent]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return copied


def test_the_contracts_minimal_spec_is_enough() -> None:
    """What `check` and `gate` need, with the contract's defaults."""
    spec = spec_from_document(MINIMAL, "m.yaml")
    assert (spec.decision_threshold, spec.favourable_label, spec.source) == (0.5, None, None)
    assert spec.columns.features == ("age", "occupation")


def test_a_full_spec_gives_times_in_utc() -> None:
    """A time without a zone is UTC."""
    windows = spec_from_document(FULL, "m.yaml").windows
    assert windows is not None
    assert windows.reference_start.isoformat() == "2026-01-01T00:00:00+00:00"
    assert windows.length.days == 14


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("columns.sensitiv", ["sex"], "unknown key 'columns.sensitiv'. Did you mean 'columns.sensitive'?"),
        ("columns.score", ..., "key 'columns.score' is missing"),
        ("owner", ..., "key 'owner' is missing"),
        ("task", "clustering", "write one of binary_classification"),
        ("name", "Adult Income", "name is 'Adult Income'"),
        ("schema_version", 2, "this release reads 1"),
        ("columns.numeric", "age", "write a list of texts"),
        ("columns.categorical", ["age"], "'age' is numeric and categorical"),
        ("columns", None, "is not a mapping"),
        ("decision_threshold", True, "write a number"),
        ("source.kind", "oracle", "write one of postgres, parquet"),
        ("source.table", ..., "needs source.connection and source.table"),
        ("windows.reference.end", "2025-01-01", "is not before"),
        ("windows.length_days", 0, "write a number over 0"),
        ("windows.reference.start", "yesterday", "write an ISO 8601 time"),
        ("training.function", "train", "write package.module:function"),
        ("roles.legal", "lena", "write a list of texts"),
    ],
)
def test_a_wrong_key_is_named_with_its_place_and_the_way_out(path: str, value: object, said: str) -> None:
    """One line: the file, the key, what to write."""
    with pytest.raises(SpecError) as refused:
        spec_from_document(changed(FULL, path, value), "m.yaml")
    assert said in str(refused.value)
    assert str(refused.value).startswith("m.yaml")
    assert "\n" not in str(refused.value)


def test_a_spec_that_is_no_mapping_is_refused() -> None:
    """A list at the top is no spec."""
    with pytest.raises(SpecError, match="is not a mapping"):
        spec_from_document(["name"], "m.yaml")


def test_the_digest_follows_the_content_not_the_order() -> None:
    """The same facts in another order are the same spec."""
    turned = dict(reversed(list(FULL.items())))
    assert spec_from_document(FULL, "a").digest == spec_from_document(turned, "b").digest
    assert spec_from_document(FULL, "a").digest != spec_from_document(MINIMAL, "a").digest
