"""Options of the benchmarks."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the size be chosen."""
    parser.addoption("--rows", type=int, default=100_000, help="Rows of each window.")


@pytest.fixture(scope="module")
def rows(request: pytest.FixtureRequest) -> int:
    """Rows of each window."""
    return int(request.config.getoption("--rows"))
