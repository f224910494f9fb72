"""Who may answer an approval: the named user, or anybody who holds the named role."""

from typing import TYPE_CHECKING

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

if TYPE_CHECKING:
    from airflow.providers.fab.auth_manager.models import User

ROLE_PREFIX = "role:"


class AmendsFabAuthManager(FabAuthManager):  # type: ignore[misc]
    """FAB's auth manager, in which ``assigned_users=[{"id": "role:legal", ...}]`` means all in it.

    The dotted path has to contain ``FabAuthManager``: by that Airflow knows that a DAG's ``access_control``
    is to be carried into FAB's permissions.
    """

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: "User") -> bool:
        """Whether the user is one of the assigned, by id, by name or by role."""
        names = {user.get_id(), user.get_name(), *(f"{ROLE_PREFIX}{role.name}" for role in user.roles)}
        return bool(names & assigned_users)
