"""docker-compose.yaml keeps Compose's rules, Airflow's names and our own promises."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from compose_file import ROOT, Unset, compose, in_repository, interpolate, references, settings, texts

SERVICES = compose()["services"]
AIRFLOW = sorted(name for name in SERVICES if name.startswith("airflow-"))
LASTING = sorted(set(SERVICES) - {"airflow-init"})
EXAMPLE = (ROOT / ".env.example").read_text()
FILLED = {name: value or f"secret-of-{name}" for name, value in settings(EXAMPLE).items()}


@pytest.fixture(scope="module")
def airflow_variables(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every AIRFLOW__SECTION__KEY that the installed Airflow and its providers know."""
    home = tmp_path_factory.mktemp("airflow")
    command = [Path(sys.executable).parent / "airflow", "config", "list", "--include-env-vars"]
    listed = subprocess.run(
        command, env={"AIRFLOW_HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(re.findall(r"# Variable: (AIRFLOW__\w+)", listed.stdout))


def test_the_compose_specification_accepts_the_file() -> None:
    """Every key is one that Compose has, with a value of the right form."""
    schema = json.loads((ROOT / "tests/docs/compose.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose())


def test_the_schema_refuses_what_compose_has_not() -> None:
    """The check can fail: a misspelt key, a number as a variable and an unknown condition are refused."""
    schema = json.loads((ROOT / "tests/docs/compose.schema.json").read_text())
    good: dict[str, Any] = {"image": "x", "restart": "always"}
    for bad in (
        {**good, "comand": ["x"]},
        {**good, "environment": {"A": 1}},
        {**good, "restart": "sometimes"},
        {**good, "depends_on": {"y": {"condition": "healthy"}}},
        {**good, "healthcheck": {"test": ["x", "y"], "interval": "1s", "timeout": "1s", "retries": 1}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"name": "x", "services": {"x": bad}}, schema)


def test_airflow_knows_every_variable(airflow_variables: set[str]) -> None:
    """`airflow config list` names each AIRFLOW__SECTION__KEY that a service sets."""
    used = {key for service in SERVICES.values() for key in service["environment"] if "__" in key}
    assert used <= airflow_variables
    assert "AIRFLOW__CORE__AUTH_MANAGER" in used


def test_our_code_reads_every_variable_of_ours() -> None:
    """An AMENDS_ variable or an Airflow connection that nothing reads would be a lie."""
    code = "\n".join(path.read_text() for path in (ROOT / "include").rglob("*.py"))
    code += "\n".join(path.read_text() for path in (ROOT / "include").rglob("*.yaml"))
    for name in {key for service in SERVICES.values() for key in service["environment"]}:
        if name.startswith("AMENDS_"):
            assert name in code or _composed(name, code), f"nothing reads {name}"
        if name.startswith("AIRFLOW_CONN_"):
            connection = name.removeprefix("AIRFLOW_CONN_")
            assert name in code or connection.lower() in code, f"nothing uses the connection {connection}"


def _composed(name: str, code: str) -> bool:
    """A name that the code builds from a role: AMENDS_<ROLE>_USER and AMENDS_<ROLE>_PASSWORD."""
    return bool(re.fullmatch(r"AMENDS_\w+_(USER|PASSWORD)", name)) and "AMENDS_{role}_{what}" in code


def test_every_variable_stands_in_the_example_and_is_used() -> None:
    """.env.example and docker-compose.yaml name the same variables."""
    assert set(references(compose())) == set(settings(EXAMPLE))


def test_defaults_are_those_of_the_example() -> None:
    """A value given in .env.example is the default, or is required; it is never two things."""
    for name, rules in references(compose()).items():
        value = settings(EXAMPLE)[name]
        allowed = {(":?", "see .env.example")} | ({(":-", value)} if value else set())
        assert rules <= allowed, name


def test_an_untouched_example_starts_nothing() -> None:
    """Copied without filling it, .env.example is refused by name."""
    with pytest.raises(Unset, match=r"see \.env\.example"):
        interpolate(compose(), settings(EXAMPLE))


@pytest.mark.parametrize("name", [name for name, value in settings(EXAMPLE).items() if not value])
def test_one_empty_secret_starts_nothing(name: str) -> None:
    """Each empty secret by itself stops the start and is named."""
    with pytest.raises(Unset, match=name):
        interpolate(compose(), {**FILLED, name: ""})


def test_the_command_in_the_example_makes_a_complete_env(tmp_path: Path) -> None:
    """The one-liner in .env.example's head fills every secret, each another, the Fernet key a real one."""
    from cryptography.fernet import Fernet

    (tmp_path / ".env.example").write_text(EXAMPLE)
    command = next(line for line in EXAMPLE.splitlines() if "python3 -c" in line).lstrip("# ")
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    made = settings((tmp_path / ".env").read_text())
    secrets = [made[name] for name, value in settings(EXAMPLE).items() if not value]
    assert all(secrets)
    assert len(set(secrets)) == len(secrets)
    assert all(re.fullmatch(r"\w{43}=", secret, re.ASCII) for secret in secrets)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    Fernet(made["AIRFLOW_FERNET_KEY"])
    assert "${" not in json.dumps(interpolate(compose(), made))


def test_the_filled_env_is_never_committed() -> None:
    """Git and the image's build context leave .env out."""
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert "!.env" not in (ROOT / ".dockerignore").read_text()


def test_no_secret_stands_in_the_file() -> None:
    """Whatever is called a password, a key or a secret comes from .env."""
    for service in SERVICES.values():
        for key, value in service["environment"].items():
            if re.search(r"PASSWORD|SECRET|FERNET|_DSN|_CONN|BROKER|BACKEND", key):
                assert "${" in value, key
    assert not any(re.search(r"://\w*:(?!\$)[^/]*@", text) for text in texts(compose()))


def test_airflow_services_share_their_secrets() -> None:
    """A token that one service signs is accepted by every other."""
    shared = ["CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET", "DATABASE__SQL_ALCHEMY_CONN"]
    for key in shared:
        assert len({SERVICES[name]["environment"][f"AIRFLOW__{key}"] for name in AIRFLOW}) == 1


def test_the_database_administrator_is_known_to_the_init_service_only() -> None:
    """No service that runs tasks or answers people can log in as the superuser."""
    holders = {
        name
        for name, service in SERVICES.items()
        if "POSTGRES_PASSWORD" in references(service["environment"])
    }
    assert holders == {"postgres", "airflow-init"}


def test_ports_are_published_on_the_loopback_interface_only() -> None:
    """Nothing answers the network before somebody decides so."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_scheduler_and_dag_processor_always_restart() -> None:
    """Both end themselves when PostgreSQL blinks; the others come back unless a person stopped them."""
    assert SERVICES["airflow-scheduler"]["restart"] == "always"
    assert SERVICES["airflow-dag-processor"]["restart"] == "always"
    assert {SERVICES[name]["restart"] for name in LASTING} == {"always", "unless-stopped"}
    assert SERVICES["airflow-init"]["restart"] == "no"


def test_every_lasting_service_says_whether_it_is_healthy() -> None:
    """A health check each; whoever waits for health waits for a service that has one."""
    assert all("healthcheck" in SERVICES[name] for name in LASTING)
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES, f"{name} waits for {needed}"
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[needed]["restart"] == "no"
            else:
                assert "healthcheck" in SERVICES[needed]


def test_airflow_starts_after_the_init_service() -> None:
    """Databases, migrations, roles and people are there before anything uses them."""
    for name in set(AIRFLOW) - {"airflow-init"} | {"mlflow"}:
        assert "airflow-init" in SERVICES[name]["depends_on"]


def test_mounted_paths_are_in_the_repository_and_volumes_are_declared() -> None:
    """A fresh clone has every folder that a service mounts; a named volume is declared, and used."""
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    for source, _target, *mode in mounts:
        if source.startswith("."):
            assert in_repository(source), f"{source} is not in the repository"
            assert mode == ["ro"], f"{source} can be written by a container"
    named = {source for source, *_ in mounts if not source.startswith(".")}
    assert named == set(compose()["volumes"])
