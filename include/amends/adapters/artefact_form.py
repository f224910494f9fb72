"""The form of an artefact of ours, judged by names, sizes and plain YAML.

That is done before anything of it is loaded, and before anything of it can use up memory or time. The archive
``model.skops`` holds its members uncompressed, as skops writes them. So what they take in memory is bounded
by the size of the file, whatever they claim, and an archive that unfolds is no archive of ours.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from amends.errors import ArtefactError

MODEL_FILE = "model.skops"
FILES = frozenset({"MLmodel", MODEL_FILE, "conda.yaml", "python_env.yaml", "requirements.txt"})
SCHEMA = "schema.json"
MEMBER = re.compile(r"[0-9a-f-]{1,40}\.(npy|bin)", re.ASCII)
"""Names that skops gives to members of its archive beside the schema; a sparse matrix (.npz, an archive too,
and compressed) is of no type that we trust."""
MOST_BYTES = 2 << 30
"""Bytes of a whole artefact: half of what the sandbox allows, as an array is there twice while it is read."""
MOST_TEXT = 1 << 20
"""Bytes of a text file of the artefact; MLflow writes a few thousand."""
MOST_DEPTH = 16
"""Levels of nesting in MLmodel; MLflow writes four."""
MOST_SCHEMA = 64 << 20
"""Bytes of an archive's schema: read as JSON it takes about ten times that."""


def check_sizes(folder: Path) -> None:
    """Refuse a folder with anything but plain files, or too large to be read.

    :raises ArtefactError: it holds a link or a device, or more than ``MOST_BYTES``.
    """
    total = 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArtefactError(
                f"artefact: {path.name} is a link or a device. Register a version of plain files."
            )
        total += path.stat().st_size if path.is_file() else 0
    if total > MOST_BYTES:
        raise ArtefactError(f"artefact has {total} bytes; {MOST_BYTES} are read at most. Register a smaller.")


def check_form(folder: Path) -> None:
    """Refuse a folder with other files than ours, another loader, a pickle, code, or an unsound archive.

    :raises ArtefactError: what is wrong, in one line.
    """
    _check_names(folder)
    _check_flavors(folder / "MLmodel")
    _check_archive(folder / MODEL_FILE)


def _check_names(folder: Path) -> None:
    strangers = sorted({path.relative_to(folder).as_posix() for path in folder.rglob("*")} - FILES)
    if strangers:
        raise ArtefactError(
            f"artefact holds {strangers[0]!r}, which no artefact of ours has. Register it anew."
        )
    for path in sorted(folder.iterdir()):
        if not path.is_file() or (path.name != MODEL_FILE and path.stat().st_size > MOST_TEXT):
            raise ArtefactError(
                f"artefact's {path.name} is no file of at most {MOST_TEXT} bytes. Register it anew."
            )


def _check_flavors(path: Path) -> None:
    flavors = _flavors(path)
    function, sklearn = flavors.get("python_function", {}), flavors.get("sklearn", {})
    loader = function.get("loader_module")
    if set(flavors) != {"python_function", "sklearn"} or loader != "mlflow.sklearn":
        raise ArtefactError(
            f"artefact wants to be loaded by {loader!r}; only mlflow.sklearn is. Register it anew."
        )
    named = {sklearn.get("pickled_model"), function.get("model_path", MODEL_FILE)}
    if sklearn.get("serialization_format") != "skops" or named != {MODEL_FILE}:
        raise ArtefactError(
            "artefact is not in skops form; a pickle runs code when it is read. Register it anew."
        )
    if sklearn.get("code") or function.get("code"):
        raise ArtefactError("artefact brings code of its own, which is never run. Register it anew.")


def _flavors(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        _refuse_unfolding(yaml.parse(text, Loader=loader))
        flavors = yaml.load(text, Loader=loader)["flavors"]  # noqa: S506 - either is a safe loader
        return {str(name): dict(conf) for name, conf in flavors.items()}
    except (
        OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError,
    ) as error:  # fmt: skip
        raise ArtefactError(
            f"artefact's MLmodel cannot be read: {_line(error)}. Register it anew."
        ) from error


def _refuse_unfolding(events: Iterable[Any]) -> None:
    """Refuse YAML that refers to itself, of which a few lines unfold without end, or that nests too deep."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MOST_DEPTH:
            raise ArtefactError("artefact's MLmodel refers to itself or nests without end. Register it anew.")


def _check_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise _unsound("begins with something else")
            with ZipFile(file) as archive:
                _check_members(archive.infolist(), path.stat().st_size)
                if archive.comment:
                    raise _unsound("carries a comment")
    except (OSError, ValueError, BadZipFile, NotImplementedError, EOFError) as error:
        raise _unsound(_line(error)) from error


def _check_members(members: list[ZipInfo], size: int) -> None:
    """Members are stored as they are, once each, under names of skops', and fit in the file."""
    names = [member.orig_filename for member in members]
    stranger = next((name for name in names if name != SCHEMA and not MEMBER.fullmatch(name)), None)
    if stranger is not None:
        raise _unsound(f"has a member {stranger!r}")
    if len(set(names)) < len(names) or SCHEMA not in names:
        raise _unsound("has no schema, or a member twice")
    if any(one.compress_type != ZIP_STORED or one.flag_bits & 1 for one in members):
        raise _unsound("has compressed or encrypted members")
    if sum(one.file_size for one in members) > size:
        raise _unsound("claims more bytes than the file has")
    schema = next(one.file_size for one in members if one.filename == SCHEMA)
    if schema > MOST_SCHEMA:
        raise _unsound(f"has a schema of {schema} bytes; {MOST_SCHEMA} are read at most")


def _unsound(what: str) -> ArtefactError:
    return ArtefactError(f"artefact's {MODEL_FILE} {what}. Register it anew.")


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
