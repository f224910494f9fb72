"""Options of the benchmarks, and the table of goals that they end with."""

from pathlib import Path

import pytest
from goals import REACHED, table, windows


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the size be chosen."""
    parser.addoption("--rows", type=int, default=100_000, help="Rows of each window.")
    parser.addoption("--alternations", type=int, default=2, help="Runs of each side, at least; in turn.")
    parser.addoption("--without-peers", action="store_true", help="Leave the peers out: they need minutes.")
    parser.addoption("--frames", type=int, default=2000, help="Made-up frames to check.")
    parser.addoption("--containments", type=int, default=20, help="Incidents to contain.")
    parser.addoption("--windows", type=float, default=1.0, help="Simulated windows, as a multiple.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print goal, figure, target, met."""
    if REACHED:
        terminalreporter.section("goals")
        for line in table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> int:
    """Rows of each window."""
    return int(request.config.getoption("--rows"))


@pytest.fixture(scope="session")
def alternations(request: pytest.FixtureRequest) -> int:
    """Runs of each side."""
    return int(request.config.getoption("--alternations"))


@pytest.fixture(scope="session")
def peers(request: pytest.FixtureRequest) -> None:
    """Skip where the peers are left out."""
    if request.config.getoption("--without-peers"):
        pytest.skip("without peers")


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory, rows: int) -> Path:
    """A folder with a spec and two windows of the wanted size."""
    return windows(tmp_path_factory.mktemp("logs"), rows)


@pytest.fixture(scope="session")
def tenth(tmp_path_factory: pytest.TempPathFactory, rows: int) -> Path:
    """The same with a tenth of the rows."""
    return windows(tmp_path_factory.mktemp("tenth"), rows // 10)


@pytest.fixture(scope="module")
def fuzzed(request: pytest.FixtureRequest) -> int:
    """Frames to make up."""
    return int(request.config.getoption("--frames"))


@pytest.fixture(scope="module")
def multiple(request: pytest.FixtureRequest) -> float:
    """Simulated windows, as a multiple of the usual number."""
    return float(request.config.getoption("--windows"))


@pytest.fixture(scope="module")
def containments(request: pytest.FixtureRequest) -> int:
    """Incidents to contain."""
    return int(request.config.getoption("--containments"))
