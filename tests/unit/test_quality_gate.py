"""Great Expectations runs as a pure function: nothing is written, published or told to anybody."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from amends.adapters import expectations as adapter
from amends.adapters.expectations import RESULT_FORMAT, broken
from amends.adapters.great_expectations import profile_table
from amends.measures.quality_record import Check

TABLE = profile_table(
    [Check(metric="m", column="c", value=value, low=0.0, high=1.0) for value in (0.5, 4711.25, -4711.25)]
)


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Contexts that are made while a test runs."""
    import great_expectations as gx

    made: list[Any] = []
    real = gx.get_context

    def get_context(**settings: Any) -> Any:
        made.append(real(**settings))
        return made[-1]

    monkeypatch.setattr(gx, "get_context", get_context)
    return made


def test_the_context_lives_in_memory_and_publishes_nothing(contexts: list[Any]) -> None:
    """An ephemeral context without Data Docs, and no usage figures are sent."""
    assert broken(TABLE) == ({1, 2}, {1, 2})
    (context,) = contexts
    assert type(context).__name__ == "EphemeralDataContext"
    assert not context.get_docs_sites_urls()
    assert not context.config.data_docs_sites
    assert context.config.analytics_enabled is False
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_no_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the working directory nor the home is touched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    broken(TABLE)
    assert list(tmp_path.rglob("*")) == []


def test_results_hold_row_numbers_and_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Great Expectations hands back names rows of the profile, never a value in them."""
    seen: list[Any] = []
    real = adapter._rows
    monkeypatch.setattr(adapter, "_rows", lambda result: seen.append(result.to_json_dict()) or real(result))
    broken(TABLE)
    assert RESULT_FORMAT["exclude_unexpected_values"] is True
    assert seen
    assert "4711.25" not in str(seen)


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("evidence", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_value_and_evidence_each_keep_both_limits(value: float, evidence: float) -> None:
    """Either may be too low or too high, and on a limit nothing is broken; the rows around it stay whole."""
    fine = {"value": 0.5, "evidence": 0.5, "low": 0.0, "high": 1.0}
    rows = [fine, {**fine, "value": value, "evidence": evidence}, fine]
    by_value, by_evidence = broken({name: [row[name] for row in rows] for name in fine})
    assert by_value == ({1} if value in {-1.0, 2.0} else set())
    assert by_evidence == ({1} if evidence in {-1.0, 2.0} else set())


def test_nothing_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging a profile opens no connection: no usage figures, no version check."""
    calls: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *place: calls.append(place))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **_: calls.append(place) or [])
    broken(TABLE)
    assert calls == []


def test_an_expectation_that_did_not_run_is_an_error_and_no_pass() -> None:
    """A value that cannot be compared is no row that passed: it is said aloud."""
    table: dict[str, Any] = {**TABLE, "value": ["text", *TABLE["value"][1:]]}
    with pytest.raises(Exception, match=r"."):
        broken(table)


def test_nan_never_passes() -> None:
    """A check whose value is no number keeps no limit."""
    table = profile_table([Check(metric="m", column="c", value=float("nan"), low=0.0, high=1.0)])
    by_value, by_evidence = broken(table)
    assert by_value == {0}
    assert by_evidence == {0}
