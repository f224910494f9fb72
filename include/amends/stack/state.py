"""What the supervisor tells the rest of the world: one small file, replaced as a whole at each change."""

import json
from dataclasses import asdict, dataclass, field
from signal import Signals
from typing import Any, Literal

from amends.stack.layout import Layout, write_private
from amends.stack.processes import Ending, Known

Phase = Literal["starting", "up", "failed", "ending"]
DATABASE = "postgres"


@dataclass(slots=True, kw_only=True)
class State:
    """The supervisor and the sessions it answers for, as last written."""

    supervisor: Known
    phase: Phase = "starting"
    doing: str = "waking up"
    error: str | None = None
    sessions: dict[str, Ending] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)

    def write(self, layout: Layout) -> None:
        """Publish."""
        write_private(layout.state, json.dumps(asdict(self), indent=1))

    def endings(self) -> tuple[tuple[Ending, ...], ...]:
        """How to end it all: first what uses the database, then the database."""
        clients = tuple(ending for name, ending in self.sessions.items() if name != DATABASE)
        return clients, tuple(ending for name, ending in self.sessions.items() if name == DATABASE)


def read(layout: Layout) -> State | None:
    """The state last written, or None where there is none that can be read."""
    try:
        document: dict[str, Any] = json.loads(layout.state.read_text(encoding="utf-8"))
        supervisor = Known(**document.pop("supervisor"))
        sessions = {name: _ending(entry) for name, entry in document.pop("sessions").items()}
        return State(supervisor=supervisor, sessions=sessions, **document)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _ending(entry: dict[str, Any]) -> Ending:
    return Ending(Known(**entry["leader"]), Signals(entry["first"]), float(entry["grace"]))
