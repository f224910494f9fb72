"""A quality gate for tests in which the rows' quality is not what is tested."""

from dataclasses import dataclass
from typing import Any

from amends.domain.findings import Finding


@dataclass(frozen=True)
class FakeQuality:
    """Finds what it is told, by default nothing."""

    found: tuple[Finding, ...] = ()

    def check(self, *_: Any) -> tuple[Finding, ...]:
        """What was found."""
        return self.found
