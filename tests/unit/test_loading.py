"""Slow imports beside the reading of rows, or after it."""

import sys

import pytest
from amends.cli.loading import imported_meanwhile

MODULE = "colorsys"
"""A module of the standard library that nobody else imports."""


@pytest.fixture(autouse=True)
def unknown() -> None:
    """Forget the module."""
    sys.modules.pop(MODULE, None)


@pytest.mark.parametrize("afterwards", [False, True])
def test_a_module_is_there_when_the_block_ends(*, afterwards: bool) -> None:
    """Meanwhile or afterwards, it is there in the end, and in the block only if it may be."""
    with imported_meanwhile(MODULE, afterwards=afterwards):
        early = MODULE in sys.modules
    assert MODULE in sys.modules
    assert not (afterwards and early)


def test_a_failure_in_the_block_is_told_and_nothing_imported_after_it() -> None:
    """An error while rows are read comes through; what would have judged them is not loaded any more."""
    with pytest.raises(ValueError, match="rows"), imported_meanwhile(MODULE, afterwards=True):
        raise ValueError("rows")
    assert MODULE not in sys.modules


def test_import_ways_are_as_before() -> None:
    """No finder of modules stays behind."""
    before = list(sys.meta_path)
    with imported_meanwhile(MODULE):
        pass
    assert sys.meta_path == before
