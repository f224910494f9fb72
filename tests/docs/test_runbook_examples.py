"""The examples of the runbooks are accepted by the code that they are examples for."""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from amends.domain.spec import spec_from_document
from amends.workflow import trial_scoring
from documents import blocks, page, section
from samples import FULL

PLATFORM = page("docs/runbooks/platform.md")


@pytest.fixture
def _nobodys() -> Iterator[None]:
    """No package `acme` of another test before, and none for another after."""
    known = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "acme"}
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "acme"]:
        del sys.modules[name]
    sys.modules.update(known)


@pytest.mark.usefixtures("_nobodys")
def test_the_playbook_and_its_step_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The YAML block is a playbook whose step the Python block is; without the step it is refused by name."""
    from amends.orchestration.settings import read_books

    chapter = section(PLATFORM, "A playbook or a step is added")
    (playbook,), (step,) = blocks(chapter, "yaml"), blocks(chapter, "python")
    (tmp_path / "warn_desk.yaml").write_text(playbook)
    monkeypatch.setenv("AMENDS_PLAYBOOKS", str(tmp_path))
    module = re.search(r'uses: "(\w+)\.(\w+):', playbook)
    assert module is not None
    assert "warn_desk.yaml" in " ".join(read_books().problems)
    (tmp_path / module[1]).mkdir()
    (tmp_path / module[1] / f"{module[2]}.py").write_text(step)
    monkeypatch.syspath_prepend(tmp_path)
    books = read_books()
    assert books.problems == ()
    assert "warn_desk" in books.playbooks


def test_the_scoring_step_calls_what_is_there() -> None:
    """The functions that a team's scoring step calls during a trial take what the runbook gives them."""
    (code,) = blocks(section(PLATFORM, "A challenger is tried on live rows"), "python")
    calls = re.findall(r"= (\w+)\(([^)]*)\)", code)
    assert {name for name, _ in calls} == {"running_trial", "score_rows", "score_window"}
    for name, given in calls:
        inspect.signature(getattr(trial_scoring, name)).bind(*given.split(", "))


def test_the_operators_spec_section_is_one() -> None:
    """What a spec may rehearse and accept is written as the operator's runbook writes it."""
    chapter = section(page("docs/runbooks/operator.md"), "A window breached, and no incident was opened")
    (block,) = re.findall(r"^    policy:\n(?:      .*\n)+", chapter, re.MULTILINE)
    own = yaml.safe_load(textwrap.dedent(block))
    assert spec_from_document({**FULL, **own}, "spec.yaml").policy == own["policy"]
