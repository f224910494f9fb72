"""Specs, policies and digests in files."""

import json
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amends.domain.canonical import canonical_json
from amends.domain.playbook import Playbook, playbook_from_document
from amends.domain.policy import PLAYBOOKS, Policy, policy_from_document
from amends.domain.spec import ModelSpec, spec_from_document
from amends.errors import BadInput, DataError, PolicyError, SpecError

if TYPE_CHECKING:
    from amends.measures.digests import WindowDigest


def load_spec(path: str | Path) -> ModelSpec:
    """Read a model spec. :raises SpecError: no such file, not YAML, or a spec that is wrong."""
    where = Path(path)
    return spec_from_document(_yaml(where, SpecError), where.name)


def load_specs(folder: str | Path) -> dict[str, ModelSpec]:
    """Read all specs (``*.yaml``) of a folder by model name.

    :raises SpecError: no such folder, a wrong spec, or two specs of one name.
    """
    home = Path(folder)
    if not home.is_dir():
        raise SpecError(f"{home}: no such folder of model specs. Create it or correct the path.")
    specs: dict[str, ModelSpec] = {}
    for path in sorted(home.glob("*.yaml")):
        spec = load_spec(path)
        if spec.name in specs:
            raise SpecError(f"{path.name}: model {spec.name!r} has a spec already. Keep one of them.")
        specs[spec.name] = spec
    return specs


def load_policy(path: str | Path | None = None, playbooks: str | Path | None = None) -> Policy:
    """Read a policy; None reads the packaged default.

    :param playbooks: folder of a team's own playbooks, which the policy's rules may name, too.
    :raises PolicyError: it is wrong, or names a playbook that is not there.
    """
    if path is None:
        path = Path(str(resources.files("amends") / "policies" / "default.yaml"))
    where = Path(path)
    return policy_from_document(_yaml(where, PolicyError), where.name, (*PLAYBOOKS, *_own(playbooks)))


def load_playbook(path: str | Path) -> Playbook:
    """Read a playbook. :raises PolicyError: no such file, not YAML, or a playbook that is wrong."""
    where = Path(path)
    return playbook_from_document(_yaml(where, PolicyError), where.name)


def load_playbooks() -> dict[str, Playbook]:
    """Read the packaged playbooks, by name."""
    folder = Path(str(resources.files("amends") / "policies" / "playbooks"))
    return {one.name: one for one in map(load_playbook, sorted(folder.glob("*.yaml")))}


def _own(folder: str | Path | None) -> list[str]:
    """Names of a team's own playbooks that can be read; what is wrong with another is told by its reader."""
    names = []
    for path in sorted(Path(folder).glob("*.y*ml")) if folder else ():
        with suppress(PolicyError):
            names.append(load_playbook(path).name)
    return [name for name in dict.fromkeys(names) if name not in PLAYBOOKS]


def read_digest(path: str | Path) -> "WindowDigest":
    """Read a digest that :func:`write_digest` wrote. :raises DataError: it is none."""
    from amends.measures.digests import WindowDigest

    where = Path(path)
    try:
        return WindowDigest.from_document(json.loads(_text(where, DataError)))
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not a digest ({error.msg}). Write one by `amends digest`.") from None
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def write_digest(digest: "WindowDigest", path: str | Path) -> None:
    """Write a digest as one line of JSON."""
    Path(path).write_bytes(canonical_json(digest.to_document()) + b"\n")


def _yaml(path: Path, error: type[BadInput]) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(_text(path, error), Loader=loader)  # noqa: S506 - both loaders are the safe one
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:  # ValueError: a date of no month
        mark = getattr(wrong, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise error(f"{path}: not YAML{place}. Correct it; see the README's model spec.") from None


def _text(path: Path, error: type[BadInput]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{path}: no such file. Correct the path.") from None
    except (OSError, UnicodeDecodeError) as wrong:
        reason = getattr(wrong, "strerror", None) or "not UTF-8 text"
        raise error(f"{path}: cannot be read ({reason}). Give a readable text file.") from None
