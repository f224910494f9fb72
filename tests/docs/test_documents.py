"""What the pages name is there, and what is there is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import amends
import pytest
import yaml
from amends import errors
from amends.adapters.files import load_policy
from amends.domain.assessment import Assessment, Call, WindowSummary
from amends.domain.decision import Situation
from amends.domain.events import EventKind
from amends.domain.explanation import told_aside
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import PLAYBOOKS, ROLES
from amends.domain.reading import Reader
from amends.domain.spec import ModelSpec, spec_from_document
from compose_file import in_repository
from documents import PAGES, ROOT, blocks, first_cells, links, page, section

VOCABULARY = page("docs/vocabulary.md")
README = page("README.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every link inside the project points to a file of a fresh clone."""
    for target in links(path):
        resolved = (path.parent / target).resolve()
        assert in_repository(str(resolved.relative_to(ROOT))), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_promises_nothing(path: Path) -> None:
    """No page says that something will come later in its own text; that has one place, and a heading."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|TBD|FIXME|coming soon)\b", text)


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Verdicts", [verdict.value for verdict in Verdict]),
        ("Categories", [category.value for category in Category]),
        ("Playbooks", list(PLAYBOOKS)),
        ("Events of the ledger", [kind.value for kind in EventKind]),
    ],
)
def test_the_vocabulary_has_every_word_of_the_code(heading: str, words: list[str]) -> None:
    """Each table of the vocabulary names exactly the code's words."""
    assert sorted(first_cells(section(VOCABULARY, heading))) == sorted(words)


def test_every_error_is_explained() -> None:
    """Each error class that a person can meet stands in the README with its meaning."""
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.AmendsError)
    }
    assert set(first_cells(section(README, "Errors"))) == tree


def test_every_spec_key_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's reference holds exactly the keys that the parser takes."""
    taken: set[str] = set()
    sections: set[str] = set()
    take, nested = Reader.take, Reader.section

    def noted(self: Reader, key: str, *default: object) -> object:
        taken.add(self.prefix + key)
        return take(self, key, *default)

    def noted_section(self: Reader, key: str, *, optional: bool = False) -> Reader:
        sections.add(self.prefix + key)
        return nested(self, key, optional=optional)

    monkeypatch.setattr(Reader, "take", noted)
    monkeypatch.setattr(Reader, "section", noted_section)
    spec_from_document(_whole_spec(), "README.md")
    explained = set(first_cells(section(README, "1. The spec")))
    assert explained == (taken - sections) | {"roles"}


def _whole_spec() -> dict[str, object]:
    short, long = blocks(section(README, "1. The spec"), "yaml")
    return {**yaml.safe_load(short), **yaml.safe_load(long)}


def test_the_specs_of_the_readme_are_specs() -> None:
    """Both blocks parse, the short one by itself, too."""
    short, _ = blocks(section(README, "1. The spec"), "yaml")
    assert spec_from_document(yaml.safe_load(short), "README.md").source is None
    whole = spec_from_document(_whole_spec(), "README.md")
    assert isinstance(whole, ModelSpec)
    assert whole.training is not None


def test_the_document_of_the_readme_has_the_keys_of_the_code() -> None:
    """The JSON that the README shows has every key that an assessment has, and no other."""
    (shown,) = (json.loads(block) for block in blocks(README, "json"))
    window = WindowSummary(rows=1, start=None, end=None, digest="")
    finding = Finding(category=Category.FAIRNESS, metric="", verdict=Verdict.PASS, reason="")
    call = Call(category="", categories=(), severity="", playbook="", playbooks=(), because=())
    made = Assessment(
        model="", code_version="", policy_name="", policy_digest="", reference=window, current=window,
        findings=(finding,), incident=call,
        details={
            "situation": {**Situation().document(), "importance": ""},
            **told_aside((), importance="", policy=load_policy(None), situation=Situation()),
        },
    ).document()  # fmt: skip
    assert _shape(shown) == _shape(made)


def _shape(node: Any) -> Any:
    """Keys of a document, nested; lists by their first item, values left out."""
    if isinstance(node, dict):
        return {key: _shape(value) for key, value in node.items()}
    return _shape(node[0]) if isinstance(node, list) and node and isinstance(node[0], dict) else None


def test_the_reviewers_runbook_quotes_the_code() -> None:
    """Every reason that the runbook explains is a reason that the code gives."""
    code = (ROOT / "include/amends/domain/approval.py").read_text()
    told = section(page("docs/runbooks/reviewer.md"), "When your approval does not count")
    for reason in first_cells(told):
        wanted = reason.removeprefix("...").strip().replace("10", "{MIN_RATIONALE}")
        assert wanted in code, reason
    assert all(role.replace("-", " ") in page("docs/runbooks/reviewer.md") for role in ROLES)


def test_the_operators_runbook_quotes_the_code() -> None:
    """Every reason that an operator is told to look for is made of words that the code writes."""
    code = " ".join(path.read_text() for path in (ROOT / "include/amends").rglob("*.py"))
    code = re.sub(r'"\s+f?"', "", code)
    for reason in first_cells(section(page("docs/runbooks/operator.md"), "A run is red")):
        for words in reason.split("..."):
            assert words.strip(" '") in code, reason


def test_every_variable_of_ours_is_explained() -> None:
    """The platform runbook names each AMENDS_ variable that the code knows, and each that compose sets."""
    told = page("docs/runbooks/platform.md")
    code = " ".join(path.read_text() for path in (ROOT / "include/amends").rglob("*.py"))
    for name in set(re.findall(r"\bAMENDS_[A-Z_]*[A-Z]\b", code)):
        assert name in told, name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_queries_run_on_the_ledger(path: Path, fresh_dsn: Callable[[], str]) -> None:
    """Each SQL block of a page is accepted by a ledger as the services' role sees it."""
    queries = blocks(path.read_text(encoding="utf-8"), "sql")
    if not queries:
        return
    import psycopg

    with psycopg.connect(fresh_dsn(), autocommit=True) as connection:
        connection.execute("SET ROLE amends_app")
        for query in queries:
            connection.execute(query.encode())


def test_every_make_target_is_named() -> None:
    """The README lists exactly the targets that `make` lists."""
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    line = next(line for line in README.splitlines() if line.startswith("`make` alone lists"))
    assert re.findall(r"`([a-z]+)`", line)[1:] == [target for target in targets if target != "help"]


def test_every_make_call_in_a_page_is_a_target() -> None:
    """No page tells to make what cannot be made."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in PAGES:
        for target in re.findall(r"(?:`|^    )make ([a-z]+)", path.read_text(), re.MULTILINE):
            assert target in targets, f"{path.name}: make {target}"


def test_every_dag_is_named_where_people_look() -> None:
    """README, the operator's runbook and DAGS.md name the same DAGs; nobody names one that is not there."""
    dags = {re.sub(r"^monitor_\w+$", "monitor_<model>", name) for name in _headings(page("DAGS.md"))}
    walk = section(README, "How the walk works")
    assert {dag for dag in dags if dag in walk} == dags
    assert all(dag in page("docs/runbooks/operator.md") for dag in dags)
    for path in PAGES:
        for name in re.findall(r"DAG `([\w<>]+)`", path.read_text()):
            assert re.sub(r"^monitor_[\w<>]+$", "monitor_<model>", name) in dags, f"{path.name}: {name}"


def _headings(text: str) -> list[str]:
    return re.findall(r"^## (\w+)$", text, re.MULTILINE)


def test_the_changelog_begins_with_this_version() -> None:
    """The newest entry is the version that the package has."""
    assert _newest(page("CHANGELOG.md")) == amends.__version__


def _newest(text: str) -> str:
    found = re.search(r"^## ([\w.]+)", text, re.MULTILINE)
    return found[1] if found else ""


def test_every_decision_says_what_would_violate_it() -> None:
    """An ADR has its evidence and ends in what a change must not do."""
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text()
        assert re.search(r"^## What we saw", text, re.MULTILINE), path.name
        assert text.index("A change violates this when it ...") > text.index("## The decision"), path.name
