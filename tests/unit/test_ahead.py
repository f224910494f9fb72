"""Values made ahead come in order, with their error, and nobody is left behind."""

import threading
from collections.abc import Iterator

import pytest
from amends.adapters.ahead import MOST, ahead


def counting(until: int, made: list[int], error: Exception | None = None) -> Iterator[int]:
    """Numbers, noting which were made."""
    for number in range(until):
        made.append(number)
        yield number
    if error:
        raise error


def test_values_come_in_order_and_end() -> None:
    """What is given is what the iterator gives."""
    with ahead(counting(1000, [])) as values:
        assert list(values) == list(range(1000))


def test_no_more_than_a_few_are_made_ahead() -> None:
    """Beside those that wait one is in the maker's hand: memory is bounded however slow the user is."""
    made: list[int] = []
    with ahead(counting(1000, made)) as values:
        assert next(values) == 0
        threading.Event().wait(0.1)
        assert len(made) <= 1 + MOST + 1


def test_an_error_comes_where_its_value_would_have() -> None:
    """All values before it are given first."""
    with ahead(counting(3, [], OSError("gone"))) as values:
        assert [next(values) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="gone"):
            next(values)


@pytest.mark.parametrize("used", [0, 1, 3])
def test_who_stops_early_leaves_no_thread(used: int) -> None:
    """The block ends while the maker waits for room; it stops, and makes nothing more."""
    made: list[int] = []
    with ahead(counting(1000, made)) as values:
        for _ in range(used):
            next(values)
    assert "ahead" not in {thread.name for thread in threading.enumerate()}
    assert len(made) < 20
