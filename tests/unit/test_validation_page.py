"""A validation document as a page: what stands where, and that it is the document's."""

import copy
import json
import re
from typing import Any

import pytest
from amends.adapters.validation_marks import number
from amends.adapters.validation_page import SECTIONS, validation_page
from amends.domain.canonical import digest_of
from amends.domain.findings import Category, Verdict
from amends.domain.validation import is_intact
from validations import ALL, SUBJECT, Read, document, finding, section


def test_the_verdict_comes_first_and_then_each_section_in_its_order() -> None:
    """Not blessed, why, then all eight sections and the lineage."""
    page = validation_page(document(*ALL))
    words = Read(page).text
    places = [words.index(one) for one in ("Not blessed", "Why not", "How to read this page")]
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert places == sorted(places)
    assert heads == ["Why not", *SECTIONS, "Lineage"]
    assert "The candidate (version 2) must not replace the champion (version 1)" in words
    assert "Ratio of favourable decisions (sex) : 0.662, wanted at least 0.8" in words


def test_a_row_holds_champion_candidate_limit_interval_rows_verdict_and_reason() -> None:
    """The numbers of a finding stand in one row, in this order, with the groups it is about."""
    words = section(validation_page(document(*ALL)), "Fairness by group")
    assert (
        "Ratio of favourable decisions sex : f , m 1 is equal 0.963 0.662 0.800 0.615 … 0.716 4 000 not ok "
        "0.662, wanted at least 0.8"
    ) in words


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("Performance", "Ranking, AUC"), ("Calibration", "Error of the scores, Brier"),
        ("Robustness", "Noise flips"), ("Robustness", "Missing scores"), ("Privacy", "Membership auc"),
        ("Service", "Scoring time"), ("Past incidents", "incident i-1: gone"),
        ("Rows and schema", "Null share"),
    ],
)  # fmt: skip
def test_each_check_stands_in_its_section(name: str, holds: str) -> None:
    """The category of a finding, or how its metric is named, says where a reviewer looks for it."""
    page = validation_page(document(*ALL))
    assert holds in section(page, name)
    assert [holds in section(page, other) for other in SECTIONS].count(True) == 1


def test_a_section_without_checks_says_so() -> None:
    """Silence is no pass: a file of rows tells nothing of privacy or service."""
    page = validation_page(document(finding()))
    assert "No check of this kind was made." in section(page, "Privacy")
    assert "not checked here" in Read(page).text
    assert "Blessed" in Read(page).text


def test_what_does_not_hold_comes_before_what_does() -> None:
    """In a section the gravest verdict is read first."""
    order = [Verdict.PASS, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.BREACH, Verdict.ERROR]
    page = validation_page(document(*(finding(verdict=one, reason=f"said {one}") for one in order)))
    words = section(page, "Performance")
    places = [words.index(f"said {one}") for one in reversed(order)]
    assert places == sorted(places)


def test_the_page_is_bound_to_the_candidate_and_to_the_document() -> None:
    """Content digests of both versions, of the rows, and of the document itself stand on the page."""
    made = document(*ALL)
    page = validation_page(made)
    lineage = section(page, "Lineage")
    for digest in (
        SUBJECT["candidate"]["digest"], SUBJECT["champion"]["digest"], SUBJECT["candidate"]["data"],
        made["decision_digest"], digest_of(made), made["policy"]["digest"],
    ):  # fmt: skip
        assert digest in lineage
    assert "Trained on 2026-01-01 to 2026-02-01" in lineage
    assert made["subject"]["candidate"]["digest"] == SUBJECT["candidate"]["digest"]
    assert "changed after it was made" not in page


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(blessed=True),
        lambda one: one["findings"][3].update(verdict="pass"),
        lambda one: one["subject"]["candidate"].update(digest="sha256:" + "e" * 64),
        lambda one: one.pop("decision_digest"),
    ],
)
def test_a_document_that_was_changed_says_so_first(change: Any) -> None:
    """The document holds a digest of all else: another verdict, number or version no longer fits it."""
    made = document(*ALL)
    assert is_intact(made)
    forged = copy.deepcopy(made)
    change(forged)
    assert not is_intact(forged)
    assert Read(validation_page(forged)).text.index("This document was changed") < 60


def test_the_same_document_gives_the_same_page() -> None:
    """Two renderings agree to the last byte, whatever the order of the document's keys."""
    made = document(*ALL)
    turned = json.loads(json.dumps(dict(reversed(made.items()))))
    assert validation_page(made) == validation_page(turned)


def test_numbers_of_few_people_are_withheld() -> None:
    """Ten rows tell nobody's number, name no group, and a rest of five is not told either."""
    few = finding(
        Category.FAIRNESS, "selection_rate_ratio", attribute="sex", groups=("rare",), n=10, value=0.4321,
        reference_value=0.5432, interval=(0.3456, 0.4567), reason="4 of 10 rare people",
    )  # fmt: skip
    rest = finding(Category.FAIRNESS, "true_positive_rate_difference", attribute="sex", n=3995)
    page = validation_page(document(few, rest))
    words = section(page, "Fairness by group")
    assert "under 11" in words
    for told in ("0.432", "0.543", "0.346", "0.457", "rare", "4 of 10", "3 995"):
        assert told not in words
    assert "over 3 900" in words


def test_the_last_row_withheld_and_the_first_row_told() -> None:
    """Eleven rows may be shown: the bound of the house."""
    words = section(validation_page(document(finding(n=11))), "Performance")
    assert "0.800" in words
    assert "withheld" not in words


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "-"), (float("nan"), "-"), (True, "-"), (0, "0"), (0.0, "0.000"), (0.12345, "0.123"),
        (1234567, "1 234 567"), (200.0, "200"), (50321.7, "50 322"), (1e12, "1 000 000 000 000"),
        (2.5e300, "2.5e+300"), (0.00012, "0.00012"), (-0.05, "-0.050"),
    ],
)  # fmt: skip
def test_numbers_are_told_by_hand(value: Any, told: str) -> None:
    """Four digits are enough for a person, whole numbers stay whole, and no number is a dash."""
    assert number(value).replace("\u202f", " ") == told
