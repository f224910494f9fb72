"""The question to one role: an Airflow human-in-the-loop task whose page is written from the ledger."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from amends.domain.approval import APPROVE, MIN_RATIONALE, REJECT
from amends.errors import PolicyError
from amends.orchestration import response
from amends.orchestration.api import task_of

RATIONALE = Param(
    None,  # a form field without a valid default would end the task before it asked
    type=["null", "string"],
    title="Rationale",
    description=f"Why, in {MIN_RATIONALE} characters or more. It is kept under your name.",
)


class SignOff(HITLOperator):  # type: ignore[misc]
    """Asks one role to approve or reject the incident's candidate; silence rejects.

    It gates nothing by itself: a person with the right to edit task states can set it to success. The
    promotion reads Airflow's record of the answer. Subject, body and time-out are read from the ledger when
    the task runs, so that neither a forged XCom nor a template in data can change what a person is shown.
    """

    template_fields = ("incident",)

    def __init__(self, *, incident: Any, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.incident = incident

    def execute(self, context: Any) -> Any:
        """Write the page from the ledger, then wait for a person without holding a worker."""
        asked = response.question(self.incident, context["dag_run"])
        self.subject, self.body = asked["subject"], asked["body"]
        self.response_timeout = timedelta(seconds=asked["seconds"])
        return super().execute(context)


def sign_off(role: str, incident: Any) -> SignOff:
    """Build the question to a role's members.

    :param incident: the incident's id, or the task that gives it.
    :raises PolicyError: the role has no name; a request assigned to nobody could be answered by anybody.
    """
    if not role.strip():
        raise PolicyError("an approval is asked of a role without a name. Name the role in the policy.")
    return SignOff(
        task_id=task_of(role),
        subject=f"Approval by {role}",
        options=[APPROVE, REJECT],
        defaults=REJECT,
        params={"rationale": RATIONALE},
        assigned_users=[{"id": f"role:{role}", "name": role}],
        retries=1,  # an answer that arrives while the task is being parked fails it; it then asks again
        retry_delay=timedelta(seconds=5),
        incident=incident,
    )
