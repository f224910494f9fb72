"""The home of a stack that says it is up, without any service of one."""

import os
from pathlib import Path

from amends.stack.identity import Identity, establish
from amends.stack.layout import Layout
from amends.stack.processes import Known
from amends.stack.state import Phase, State


def stack(home: str, phase: Phase = "up", supervisor: Known | None = None) -> Identity:
    """What a stack writes about itself; its supervisor is this process."""
    layout = Layout.at(Path(home))
    layout.create()
    State(supervisor=supervisor or Known.of(os.getpid()), phase=phase).write(layout)
    return establish(layout, Path("dags").resolve(), Path("include/models").resolve(), {})
