"""The arrows that matter, and what must not be in a DAG."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
from amends.domain.policy import PLAYBOOKS

PROJECT = Path(__file__).parents[2]
SOURCES = [*(PROJECT / "dags").glob("*.py"), *(PROJECT / "include" / "amends" / "orchestration").glob("*.py")]
BANNED = {"ApprovalOperator", "HITLBranchOperator", "expand_kwargs", "BashOperator", "bash", "PythonOperator"}
ROLES = ("data_science", "product", "legal")


@pytest.fixture
def response(bag: Any) -> Any:
    """The response DAG."""
    return bag.dags["respond_to_incident"]


def upstream(dag: Any, task: str) -> set[str]:
    """Every task that has to end before a task."""
    return {one.task_id for one in dag.get_task(task).get_flat_relatives(upstream=True)}


def test_evidence_is_frozen_before_anything_acts(response: Any) -> None:
    """Whatever alters or decides something comes after the freezing."""
    acting = ["understand.decide", "contain.roll_back", "remedy.retrain.train", "promotion.promote"]
    for task in acting:
        assert "understand.freeze_evidence" in upstream(response, task)


def test_nobody_is_asked_to_bless_an_unchecked_model(response: Any) -> None:
    """Validation stands upstream of each question."""
    for role in ROLES:
        assert "validation.validate" in upstream(response, f"sign_off.approve_{role}")


def test_answers_are_recorded_before_the_promotion(response: Any) -> None:
    """The promotion's only way leads through the copying of the answers."""
    assert response.get_task("promotion.promote").upstream_task_ids == {"promotion.record_answers"}
    asked = {f"sign_off.approve_{role}" for role in ROLES}
    assert response.get_task("promotion.record_answers").upstream_task_ids == asked


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_each_playbook_is_a_branch_with_its_steps_in_order(response: Any, name: str) -> None:
    """The steps stand in the file's order, each with its time-out; all lead to the validation."""
    from amends.adapters.files import load_playbooks

    playbook = load_playbooks()[name]
    before = "remedy.choose_playbooks"
    for step in playbook.steps:
        task = response.get_task(f"remedy.{name}.{step.name}")
        assert task.upstream_task_ids == {before}
        assert task.execution_timeout.total_seconds() == step.minutes * 60
        before = task.task_id
    assert before in response.get_task("validation.validate").upstream_task_ids


def test_a_rehearsal_reaches_nothing_that_acts(response: Any) -> None:
    """From the rehearsal only the story and the verdict on the run can be reached."""
    after = {one.task_id for one in response.get_task("rehearsed").get_flat_relatives(upstream=False)}
    assert after == {"narrate", "show_red"}


def test_nothing_joins_over_a_skipped_containment(response: Any) -> None:
    """The join after containment hears only the two ways of containing, so a rehearsal cannot satisfy it."""
    joined = response.get_task("remedy.reproduce")
    assert joined.upstream_task_ids == {"contain.roll_back", "contain.leave_in_production"}
    assert joined.trigger_rule == "none_failed_min_one_success"


def test_no_remedy_waits_for_the_diagnosis_and_people_read_it(response: Any) -> None:
    """A diagnosis that fails stops no playbook; whoever is asked has it in front of them."""
    assert response.get_task("remedy.diagnose").upstream_task_ids == {"remedy.reproduce"}
    assert response.get_task("remedy.choose_playbooks").upstream_task_ids == {"remedy.reproduce"}
    assert "remedy.diagnose" in response.get_task("validation.validate").upstream_task_ids
    assert response.get_task("validation.validate").trigger_rule == "all_done"


def test_the_story_is_told_whatever_happened(response: Any) -> None:
    """The story waits for every way out, also a failed one, and the run's last task shows red."""
    tell, last = response.get_task("narrate"), response.get_task("show_red")
    assert tell.trigger_rule == last.trigger_rule == "all_done"
    assert upstream(response, "narrate") == set(response.task_dict) - {"narrate", "show_red"}
    assert [leaf.task_id for leaf in response.leaves] == ["show_red"]


def test_branches_stand_outside_mapped_groups(bag: Any) -> None:
    """No branch in a mapped group: there, Airflow runs what a branch has skipped."""
    for dag in bag.dags.values():
        for task in dag.tasks:
            if "Branch" in task.task_type:
                assert task.get_closest_mapped_task_group() is None, task.task_id


def test_the_response_never_skips_a_failure_silently(response: Any) -> None:
    """Every step but the last two leaves its reason in the ledger when it fails."""
    quiet = [task.task_id for task in response.tasks if not task.on_failure_callback]
    assert quiet == ["show_red"]


def test_every_failing_task_leaves_a_word(bag: Any) -> None:
    """Each task of the other DAGs has a failure callback, but the alarm, which is one itself."""
    dags = [dag for name, dag in bag.dags.items() if name != "respond_to_incident"]
    quiet = [task.task_id for dag in dags for task in dag.tasks if not task.on_failure_callback]
    assert quiet == ["raise_alarm"]


def test_services_that_blink_are_waited_for(bag: Any) -> None:
    """A task outlives an outage of 100 s, but the two that only show a failure."""
    tasks = [task for dag in bag.dags.values() for task in dag.tasks if "sign_off" not in task.task_id]
    assert {task.task_id for task in tasks if task.retries < 3} == {"show_red", "raise_alarm"}
    patient = next(task for task in tasks if task.task_id == "narrate")
    waits = [patient.retry_delay.total_seconds() * patient.retry_exponential_backoff**n for n in range(3)]
    assert sum(waits) >= 100


def test_a_broken_monitor_is_heard(bag: Any) -> None:
    """The alarm of a monitor hears each of its steps."""
    monitor = bag.dags["monitor_lending"]
    alarm = monitor.get_task("raise_alarm")
    assert alarm.trigger_rule == "one_failed"
    assert alarm.upstream_task_ids == set(monitor.task_dict) - {"raise_alarm"}


def test_one_broken_window_does_not_hold_up_the_others(bag: Any) -> None:
    """Incidents are opened for the windows that could be assessed."""
    task = bag.dags["monitor_lending"].get_task("open_incident")
    assert task.trigger_rule == "all_done_min_one_success"


@pytest.mark.parametrize("role", ROLES)
def test_each_question_is_assigned_and_silence_rejects(response: Any, role: str) -> None:
    """A question goes to a role's members, rejects by default and is asked once more after a failure."""
    task = response.get_task(f"sign_off.approve_{role}")
    name = role.replace("_", "-")
    assert task.assigned_users == [{"id": f"role:{name}", "name": name}]
    assert task.options == ["Approve", "Reject"]
    assert task.defaults == ["Reject"]
    assert task.multiple is False
    assert task.retries == 1
    assert task.template_fields == ("incident",)


def test_a_question_to_nobody_is_refused() -> None:
    """A request without an assignee could be answered by anybody, so it cannot be built."""
    from amends.errors import PolicyError
    from amends.orchestration.signoff import sign_off

    with pytest.raises(PolicyError, match="without a name"):
        sign_off(" ", "incident")


def test_reviewers_may_answer_and_no_more(response: Any) -> None:
    """The reviewers' roles may read the DAG and, as Airflow demands for an answer, edit it; no other may."""
    assert response.access_control == {
        role: {"DAGs": {"can_read", "can_edit"}} for role in ("data-science", "product", "legal")
    }


def test_runs_by_hand_rehearse_unless_told_otherwise(response: Any) -> None:
    """The form rehearses by default and offers models and actions as choices."""
    form = response.params
    assert form["dry_run"] is True
    assert form["action"] == "as decided"
    assert set(form.get_param("action").schema["enum"]) == {"as decided", *PLAYBOOKS}
    assert "lending" in form.get_param("model").schema["enum"]
    assert "lending" in form.get_param("model").schema["values_display"]["lending"]


def test_a_handed_over_run_is_told_an_id_and_nothing_else(bag: Any) -> None:
    """Severity, version, action: the response reads them in the ledger, whatever a run's conf says."""
    start = bag.dags["hand_over"].get_task("start_response")
    conf = start.partial_kwargs["conf"]
    assert set(conf) == {"incident", "dry_run"}
    assert start.partial_kwargs["skip_when_already_exists"] is True
    assert bag.dags["hand_over"].get_task("settle").upstream_task_ids >= {"start_response"}


def functions(path: Path) -> list[ast.FunctionDef]:
    """Functions of a file that Airflow runs as tasks: decorated by ``task`` in some form."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and any("task" in ast.unparse(d) for d in node.decorator_list)
    ]


@pytest.mark.parametrize("path", sorted((PROJECT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_task_bodies_are_short(path: Path) -> None:
    """A task unpacks, makes one call into the package and returns: 8 lines at most, docstring included."""
    for function in functions(path):
        lines = function.body[-1].end_lineno - function.body[0].lineno + 1
        assert lines <= 8, f"{path.name}: {function.name} has {lines} lines"


def test_functions_used_as_tasks_are_short() -> None:
    """Functions that a DAG file turns into tasks keep to the same eight lines."""
    from amends.orchestration import response

    for name in ("roll_back", "reproduce", "diagnose", "run_step", "no_candidate", "validate", "refuse"):
        assert len(inspect.getsource(getattr(response, name)).splitlines()) <= 8 + 1


@pytest.mark.parametrize("path", sorted(SOURCES), ids=lambda path: path.name)
def test_no_construct_that_executes_data(path: Path) -> None:
    """No shell, no template rendered from data, no approval that can be skipped over."""
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert not names & BANNED


@pytest.mark.parametrize("path", sorted(SOURCES), ids=lambda path: path.name)
def test_no_clock_is_read_in_a_dag(path: Path) -> None:
    """The time comes from the run, never from the wall."""
    tree = ast.parse(path.read_text())
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {function.attr for function in calls if isinstance(function, ast.Attribute)}
    assert not called & {"now", "utcnow", "today"}
