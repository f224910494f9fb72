"""What the demo says while it works: steps with their durations, and the ledger's events as they come."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from amends.domain.narrative import TELL, tell

if TYPE_CHECKING:
    from amends.domain.events import Event

Say = Callable[[str], None]


@dataclass
class Teller:
    """Says each step when it begins and how long it took; tells each event once."""

    say: Say
    begun: float = field(default_factory=time.monotonic)
    told: int = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self.begun

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce a step; say its duration when it has ended well."""
        self.say(f"\n[{self.elapsed:6.1f} s] {title} ...")
        before = time.monotonic()
        yield
        self.say(f"           done in {time.monotonic() - before:.1f} s")

    def line(self, text: str) -> None:
        """Say one line within a step."""
        self.say(f"           {text}")

    def events(self, events: "list[Event]") -> None:
        """Tell the events that have come since the last call."""
        for event in events:
            if event.seq > self.told and event.kind in TELL:
                self.say(f"[{self.elapsed:6.1f} s] {plain(tell(event).sentence)}")
            self.told = max(self.told, event.seq)


def plain(markdown: str) -> str:
    """Take the marks out of a narrative's sentence, for a terminal."""
    return re.sub(r"\*\*|`", "", markdown)
