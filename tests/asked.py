"""What tests ask another process to do; it has to import it by name."""

import os
import sys

from amends.errors import DataError


def known(name: str) -> tuple[int, bool]:
    return os.getpid(), name in sys.modules


def refuse(message: str) -> None:
    raise DataError(message)


def end() -> None:
    os._exit(1)
