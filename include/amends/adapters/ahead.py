"""Values made ahead in a thread: while a server is waited for, what has come is worked on."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 6
"""Values that wait to be taken: bounds the memory. As many batches as are counted together: the server
goes on meanwhile."""


@contextmanager
def ahead(values: Iterator[T]) -> Iterator[Iterator[T]]:
    """Take values from an iterator in a thread of its own, a few ahead of who uses them.

    What the iterator raises is raised where its next value would have come. When the block ends, the iterator
    is asked for nothing more, and the thread is gone.
    """
    taken = _Taken(values)
    thread = Thread(target=taken.take, name="ahead", daemon=True)
    thread.start()
    try:
        yield taken.given()
    finally:
        taken.unwanted.set()
        while thread.is_alive():  # it may wait for room
            taken.drop()
            thread.join(0.01)


class _Taken(Generic[T]):
    """Values on their way from one thread to the other; a list of none is the end, or an error."""

    def __init__(self, values: Iterator[T]) -> None:
        self.unwanted = Event()
        self._values = values
        self._waiting: Queue[list[T]] = Queue(MOST)
        self._error: BaseException | None = None

    def take(self) -> None:
        """Fill the queue, in the thread."""
        try:
            for value in self._values:
                self._waiting.put([value])
                if self.unwanted.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the value is wanted
            self._error = error
        self._waiting.put([])

    def given(self) -> Iterator[T]:
        """Values in order, for who uses them."""
        while found := self._waiting.get():
            yield found[0]
        if self._error is not None:
            raise self._error

    def drop(self) -> None:
        """Make room."""
        while not self._waiting.empty():
            self._waiting.get()
