"""What a failed task says, and what it keeps to itself."""

from typing import Any

from amends.errors import DataError


def reason(error: Exception | None) -> str:
    """What the ledger is told of a failure."""
    from amends.orchestration.failures import reason_of

    return reason_of({"exception": error})


def test_our_own_message_is_told_on_one_line() -> None:
    """A message of ours was written to be read, also where it has several lines."""
    assert reason(DataError("no rows.\nWait for a batch.")) == "no rows. Wait for a batch."


def test_a_vendors_message_stays_in_the_log() -> None:
    """A vendor's message may quote a row: only its kind is told."""
    said = reason(ValueError("cannot parse 'Jane Doe, 555-11-2222'"))
    assert said == "ValueError; the task's log says more"


def test_a_killed_task_is_told_as_such() -> None:
    """No exception is no reason."""
    assert reason(None) == "it ended without giving a reason"


def test_no_is_not_asked_twice_and_away_is() -> None:
    """A refusal or bad input fails at once; a service that is away is tried again."""
    from airflow.sdk import RetryAction
    from amends.errors import NotApproved, Unavailable
    from amends.orchestration.failures import patience

    policy: Any = patience()["retry_policy"]

    def action(error: Exception) -> Any:
        return policy.evaluate(error, 1, 3).action

    assert action(Unavailable("Postgres")) is RetryAction.RETRY
    assert action(NotApproved("legal")) is RetryAction.FAIL
    assert action(DataError("no rows")) is RetryAction.FAIL
    assert action(ConnectionResetError()) is RetryAction.DEFAULT
