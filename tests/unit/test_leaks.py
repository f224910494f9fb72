"""A leak of personal data is found where it is, by kind, and no value of it is kept or shown."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.canonical import canonical_json
from amends.domain.findings import Category, Finding, Verdict
from amends.errors import DataError
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.leaks import LeakProfile
from amends.workflow.assess import assess
from amends.workflow.judge_leaks import judge_leaks
from lending import applicants, digested, lending_spec, scored

POLICY = load_policy()
SPEC = lending_spec(columns={"text": ["note"]})
CANARY = "canary.person@example.com"
ROWS = 3000


def window(seed: int, **columns: Any) -> pa.Table:
    """Prediction rows with a note each, and other columns where a test says so."""
    people = applicants(ROWS, seed).assign(note="asks for 12,500.00 by 2026-11-23, ref 20261123-000412")
    return scored(people.assign(**columns), people["truth"])


def mixed(column: Sequence[str] | str, leaked: str, share: float) -> list[str]:
    """A column of which the first part is replaced by one text."""
    values = [column] * ROWS if isinstance(column, str) else list(column)
    bad = round(share * ROWS)
    return [leaked] * bad + values[bad:]


def judged(now: pa.Table, before: pa.Table | None = None) -> list[Finding]:
    """Findings on leaks, of a window against a reference without any."""
    reference = digested(SPEC, window(1) if before is None else before)
    return judge_leaks(SPEC, POLICY, reference, digested(SPEC, now, reference.grid))


def breaches(findings: Sequence[Finding]) -> set[tuple[Any, str]]:
    """Column and metric of what breached."""
    assert {finding.category for finding in findings} == {Category.PRIVACY_LEAK}
    return {(finding.column, finding.metric) for finding in findings if finding.is_breach}


def test_a_healthy_window_has_one_quiet_finding_by_column() -> None:
    """Amounts, dates and references in texts, sequential ids, ordinary levels: nothing."""
    found = judged(window(2))
    assert [finding.column for finding in found] == ["id", "note", "region", "sex", "label", "decision"]
    assert {(finding.verdict, finding.value) for finding in found} == {(Verdict.PASS, 0.0)}


def test_addresses_that_come_into_a_text_are_new_and_stand() -> None:
    """Three notes in a hundred hold an address that the reference did not have."""
    found = judged(window(2, note=mixed("fine", f"reach me at {CANARY}", 0.03)))
    assert breaches(found) == {("note", "email_address_share"), ("note", "email_address_change")}
    share = next(one for one in found if one.metric == "email_address_share")
    assert share.value == pytest.approx(0.03)
    assert share.n == ROWS


def test_what_always_stood_in_a_text_stands_and_is_not_new() -> None:
    """A twentieth of the notes in both windows: a standing leak, no change."""
    note = mixed("fine", "call +44 20 7946 0958", 0.05)
    assert breaches(judged(window(2, note=note), window(1, note=note))) == {("note", "phone_number_share")}


def test_ids_that_became_addresses() -> None:
    """Every id is an e-mail address from now on."""
    ids = [f"user{i}@example.org" for i in range(ROWS)]
    assert breaches(judged(window(2, id=ids))) == {
        ("id", "email_address_share"),
        ("id", "email_address_change"),
    }


@pytest.mark.parametrize("column", ["region", "sex"])
def test_levels_are_judged_by_what_is_new(column: str) -> None:
    """A tenth of a column's levels became social security numbers, each another one."""
    plain = ["north", "south"] * (ROWS // 2)
    leaked = [f"123-45-{i + 1:04d}" if i < 300 else level for i, level in enumerate(plain)]
    found = judged(window(2, **{column: leaked}), window(1, **{column: plain}))
    assert breaches(found) == {(column, "us_social_security_number_change")}
    both = window(1, **{column: leaked})
    assert breaches(judged(both, both)) == set()


def test_random_card_like_ids_are_chance() -> None:
    """Of random 16-digit ids that begin with 4 one in ten has a card's check digit: nothing is made of it."""
    draw = np.random.default_rng(7)
    ids = [f"4{n:015d}" for n in draw.integers(0, 10**15, ROWS)]
    found = judged(window(2, id=ids))
    assert 0.07 * ROWS < LeakProfile.of(pa.array(ids)).found["payment_card"] < 0.13 * ROWS
    assert breaches(found) == set()


def test_card_numbers_among_card_like_numbers_are_found() -> None:
    """One note in ten holds a test card's number, beside random numbers of that form in the others."""
    draw = np.random.default_rng(8)
    notes = [f"4{n:015d}" for n in draw.integers(0, 10**15, ROWS)]
    found = judged(window(2, note=mixed(notes, "4111111111111111", 0.1)), window(1, note=notes))
    assert ("note", "payment_card_change") in breaches(found)


def test_a_few_values_are_neither_proof_nor_shown() -> None:
    """Five addresses in 300 texts: over the limit, not proven, and no small count in the finding."""
    few = window(2, note=mixed("fine", CANARY, 5 / ROWS)).slice(0, 300)
    share = next(one for one in judged(few) if one.metric == "email_address_share")
    assert (share.verdict, share.value, share.interval) == (Verdict.INCONCLUSIVE, None, None)
    assert "fewer than 11 of 300 values" in share.reason


def test_a_text_column_without_a_value_says_so() -> None:
    """Nothing was searched, so nothing is passed."""
    found = judged(window(2, note=pd.Series([None] * ROWS, dtype=object)))
    assert [one.verdict for one in found if one.column == "note"] == [Verdict.NO_DATA]


def test_no_value_is_in_a_digest_or_a_document() -> None:
    """A canary in texts, ids and levels: masked first in the plan, and nowhere in what is written."""
    reference = digested(SPEC, window(1))
    now = window(
        2, note=mixed("fine", CANARY, 0.2), sex=mixed("f", CANARY, 0.2), region=mixed("north", CANARY, 0.2),
        id=[f"{i}.{CANARY}" for i in range(ROWS)],
    )  # fmt: skip
    current = digested(SPEC, now, reference.grid)
    gate = GreatExpectationsGate(POLICY)
    found = assess(SPEC, POLICY, reference, current, quality=gate, fairness=FairlearnMetrics())
    assert found.incident is not None
    assert (found.incident.category, found.incident.playbook, found.incident.severity) == (
        "privacy_leak", "mask", "SEV1",
    )  # fmt: skip
    for written in (found.document(), current.to_document(), current.representative().to_dict("list")):
        assert b"canary" not in canonical_json(written)


def test_counts_of_parts_add_up() -> None:
    """The digest of all rows is the sum of the digests of its thirds, in any order, and survives a file."""
    table = window(2, note=mixed("fine", f"{CANARY} 4111111111111112", 0.5), region=mixed("a", CANARY, 0.3))
    whole = digested(SPEC, table)
    thirds = [digested(SPEC, table.slice(i, 1000), whole.grid) for i in (0, 1000, 2000)]
    merged = thirds[2].merge(thirds[0]).merge(thirds[1])
    assert merged.leaks == whole.leaks == WindowDigest.from_document(whole.to_document()).leaks
    assert whole.leaks["note"] == LeakProfile(ROWS, {"email_address": 1500}, {"payment_card": 1500})
    assert whole.categorical["region"].counts == {"(email_address)": 900, "a": 2100}


def test_older_digests_are_refused() -> None:
    """A digest of before the search says nothing of leaks: it is refused by its version."""
    document = {**digested(SPEC, window(1)).to_document(), "schema_version": 1}
    with pytest.raises(DataError, match="not a digest of schema_version 3"):
        WindowDigest.from_document(document)


@pytest.mark.parametrize(
    "notes",
    [
        pa.array([["a@example.com"]] * 4),
        pa.array([b"a@example.com\xff"] * 4),
        pa.array(["a@example.com"] * 4, pa.large_string()),
        pa.array(["a@example.com"] * 4).dictionary_encode(),
    ],
    ids=["list", "binary", "large string", "dictionary"],
)
def test_texts_of_any_type_are_searched(notes: pa.Array) -> None:
    """However a text arrived, the address in it is seen."""
    table = window(1).slice(0, 4).drop_columns("note").append_column("note", notes)
    digest = digest_batches(SPEC, table.combine_chunks().to_batches())
    assert digest.leaks["note"].found == {"email_address": 4}
