"""Waiting for what a running stack does."""

import time
from collections.abc import Callable
from typing import Any


def until(ask: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Ask every second until there is an answer; fail by naming what did not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(1)
    raise AssertionError(f"{what} did not come in {seconds:.0f} s")
