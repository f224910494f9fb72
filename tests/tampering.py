"""What somebody with write access can do to a stored artefact, each in a few lines.

An attack changes the folder; code that it smuggles in would make the file ``owned``.
"""

import io
import json
import os
import pickle
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Attack: TypeAlias = Callable[[Path, Path], None]
MODEL, SCHEMA = "model.skops", "schema.json"


class Touch:
    """A pickle that runs a command when it is read."""

    def __init__(self, owned: Path) -> None:
        self.owned = owned

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.owned}",)


def members(folder: Path) -> dict[str, bytes]:
    """Members of the model's archive."""
    with zipfile.ZipFile(folder / MODEL) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(folder: Path, content: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> None:
    """Write the model's archive anew."""
    with zipfile.ZipFile(folder / MODEL, "w", how) as archive:
        for name, one in content.items():
            archive.writestr(name, one)


def edit_mlmodel(folder: Path, flavor: str, **values: Any) -> None:
    """Change keys of one flavour in MLmodel."""
    path = folder / "MLmodel"
    document = yaml.safe_load(path.read_text())
    document["flavors"][flavor].update(values)
    path.write_text(yaml.safe_dump(document))


def flip(name: str) -> Attack:
    """Flip one bit in the middle of a file."""

    def attack(folder: Path, owned: Path) -> None:
        del owned
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return attack


def put(name: str) -> Attack:
    """Put a file with code beside the others."""

    def attack(folder: Path, owned: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"import pathlib; pathlib.Path({str(owned)!r}).touch()")

    return attack


def rename(name: str, new: str) -> Attack:
    """Give a file another name."""
    return lambda folder, _: (folder / name).rename(folder / new) and None


def member(name: str) -> Attack:
    """Put a pickle into the archive under a name."""
    return lambda folder, owned: rewrite(folder, {**members(folder), name: pickle.dumps(Touch(owned))})


def schema(change: Callable[[dict[str, Any]], Any]) -> Attack:
    """Change the archive's schema."""

    def attack(folder: Path, owned: Path) -> None:
        del owned
        content = members(folder)
        document = json.loads(content[SCHEMA])
        changed = change(document)
        rewrite(folder, {**content, SCHEMA: json.dumps(document if changed is None else changed).encode()})

    return attack


def stored(make: Callable[[Path], Any]) -> Attack:
    """Store another object than a model, with skops' own writer."""

    def attack(folder: Path, owned: Path) -> None:
        import skops.io

        (folder / MODEL).write_bytes(skops.io.dumps(make(owned)))

    return attack


def mlmodel(text: str) -> Attack:
    """Write MLmodel anew; OWNED stands for the file that code would make."""
    return lambda folder, owned: (folder / "MLmodel").write_text(text.replace("OWNED", str(owned))) and None


def around(before: bytes = b"", after: bytes = b"") -> Attack:
    """Put bytes before and after the archive, which a reader of ZIP skips."""
    path = MODEL
    return lambda folder, _: (
        (folder / path).write_bytes(before + (folder / path).read_bytes() + after) and None
    )


def array(content: Callable[[Path], bytes]) -> Attack:
    """Replace every array in the archive."""

    def attack(folder: Path, owned: Path) -> None:
        new = content(owned)
        rewrite(folder, {name: one if name == SCHEMA else new for name, one in members(folder).items()})

    return attack


def pickled_array(owned: Path) -> bytes:
    """An array in NumPy's own format whose only element is a pickle."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, np.array([Touch(owned)], dtype=object), allow_pickle=True)
    return file.getvalue()


def endless_array(_: Path) -> bytes:
    """A header that claims eight million million bytes, and none of them."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def bomb(folder: Path, _: Path) -> None:
    """Thirty megabytes of zeros in thirty kilobytes."""
    rewrite(folder, {**members(folder), "1.bin": bytes(30 << 20)}, zipfile.ZIP_DEFLATED)


def lying_size(folder: Path, _: Path) -> None:
    """Have the archive's directory claim a gigabyte for a member of a few bytes."""
    path = folder / MODEL
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 1 << 30)
    path.write_bytes(content)


def unfolding_matrix(folder: Path, _: Path) -> None:
    """A sparse matrix: an archive in the archive, compressed, that claims three gigabytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr("data.npy", b"")
    content = bytearray(file.getvalue())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 3 << 30)
    rewrite(folder, {**members(folder), "1.npz": bytes(content)})


def locked_member(folder: Path, _: Path) -> None:
    """Mark a member as encrypted."""
    path = folder / MODEL
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def schema_twice(folder: Path, _: Path) -> None:
    """Two schemas: one for who looks, one for who loads."""
    content = members(folder)[SCHEMA].replace(b"sklearn", b"subproc")
    with zipfile.ZipFile(folder / MODEL, "a") as archive:
        archive.NameToInfo.pop(SCHEMA)
        archive.writestr(SCHEMA, content)


def folder_for_a_model(folder: Path, _: Path) -> None:
    """Put a folder where the model was."""
    (folder / MODEL).unlink()
    (folder / MODEL).mkdir()


def another_model(folder: Path, _: Path) -> None:
    """Another, sound model: the bytes of another version."""
    import skops.io
    from sklearn.dummy import DummyClassifier

    (folder / MODEL).write_bytes(skops.io.dumps(DummyClassifier().fit([[1.0], [2.0]], [0, 1])))


def hard_link(folder: Path, _: Path) -> None:
    """One file's content under another's name."""
    (folder / "conda.yaml").unlink()
    os.link(folder / "MLmodel", folder / "conda.yaml")


def pipe(folder: Path, _: Path) -> None:
    """A pipe, which whoever reads it waits at for ever."""
    (folder / "conda.yaml").unlink()
    os.mkfifo(folder / "conda.yaml")


def door(folder: Path, _: Path) -> None:
    """A Unix socket; its short name is bound from inside the folder, as long ones are not allowed."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("s")
    finally:
        os.chdir(here)


def dangling_link(folder: Path, owned: Path) -> None:
    """A link to what is not there yet."""
    (folder / "requirements.txt").unlink()
    (folder / "requirements.txt").symlink_to(owned)


def linked_code(folder: Path, owned: Path) -> None:
    """A link to a folder with code."""
    (folder / "code").symlink_to(owned.parent)


def huge(folder: Path, _: Path) -> None:
    """Three gigabytes of nothing, which take no room on the disk."""
    with (folder / "requirements.txt").open("r+b") as file:
        file.truncate(3 << 30)


def long_mlmodel(folder: Path, _: Path) -> None:
    """Megabytes of YAML, which is slow to read."""
    with (folder / "MLmodel").open("a") as file:
        file.write("more: [" + "a, " * 700_000 + "]\n")


def loader(name: str) -> Callable[[dict[str, Any]], None]:
    """Have the schema's root rebuilt as a call of os.system by one of skops' node types."""

    def change(document: dict[str, Any]) -> None:
        document.update({"__class__": "system", "__module__": "os", "__loader__": name})

    return change


def nested_schema(folder: Path, _: Path) -> None:
    """A list in a list, fifty thousand deep, more than any reader's stack bears."""
    content = members(folder)
    one = b'{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": ['
    deep = one * 50_000 + content[SCHEMA] + b"]}" * 50_000
    rewrite(folder, {**content, SCHEMA: deep})


def zipfile_comment(folder: Path, _: Path) -> None:
    """Hide code in the comment of the archive."""
    with zipfile.ZipFile(folder / MODEL, "a") as archive:
        archive.comment = b"import os"
