"""The house's steps are those whose words a DAG's page shows."""

from amends.workflow.house import WORDS
from amends.workflow.steps import HOUSE


def test_every_step_has_its_words_and_every_word_its_step() -> None:
    """A playbook that can be read can be carried out, and its page says what it does."""
    assert HOUSE.keys() == WORDS.keys()
    for name, kind in HOUSE.items():
        assert (kind.does, kind.way_back) == (WORDS[name].does, WORDS[name].way_back)
