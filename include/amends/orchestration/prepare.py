"""Make Airflow's database ready: its tables, the reviewers' roles, the people.

A program, run in the environment of a stack: ``python -m amends.orchestration.prepare < people.json``,
where the file maps a login to its role and password. Running it again brings roles and passwords in line.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

BUILT_IN = frozenset({"Admin", "Op", "User", "Viewer", "Public"})

# What a reviewer may do beyond looking: answer requests for approval, see the tabs of plugins. In which DAGs
# is said by each DAG's access_control. None of it sets a state, clears, triggers or writes an XCom.
REVIEWER_MAY = (
    ("can_edit", "HITL Detail"),
    ("menu_access", "HITL Detail"),
    ("can_read", "Plugins"),
)


def main() -> None:
    """Read the people from standard input and prepare."""
    people = json.load(sys.stdin)
    create_tables()
    create_people(people)


def create_tables() -> None:
    """Create or migrate Airflow's tables and those of its auth manager."""
    from airflow.utils.db import upgradedb
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    providers_configuration_loaded(upgradedb)()


def create_people(people: Mapping[str, Mapping[str, str]]) -> None:
    """Create roles and users that are missing; set the role and the password of those that are there.

    :param people: login -> ``{"role": ..., "password": ...}``; a role Airflow lacks is made a reviewer's.
    """
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        for login, person in people.items():
            role = manager.find_role(person["role"])
            if role is None or role.name not in BUILT_IN:
                role = _reviewers(manager, person["role"])
            _person(manager, login, role, person["password"])


def _reviewers(manager: Any, name: str) -> Any:
    role = manager.find_role(name) or manager.add_role(name)
    for permission in manager.find_role("Viewer").permissions:
        manager.add_permission_to_role(role, permission)
    for action, resource in REVIEWER_MAY:
        manager.add_permission_to_role(role, manager.create_permission(action, resource))
    return role


def _person(manager: Any, login: str, role: Any, password: str) -> None:
    user = manager.find_user(username=login)
    if user is None:
        manager.add_user(login, login.capitalize(), role.name, f"{login}@amends.invalid", role, password)
        return
    user.roles = [role]
    manager.reset_password(user.id, password)


if __name__ == "__main__":
    main()
