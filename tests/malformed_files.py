"""Files and specs that are wrong in one way each, and what has to be said of them."""

import io
import json
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from amends import cli
from malformed import FINE, SPEC, Told, all_of, breach, healthy, refused, unsure, without
from pyarrow import feather

Make = Callable[[Path], None]


def parquet(**options: Any) -> bytes:
    """A healthy window as the bytes of a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(healthy(1)), sink, **options)
    return sink.getvalue()


def content(change: Callable[[bytes], bytes]) -> Make:
    """The window's file with other bytes."""
    return lambda path: _write(path, change(parquet(compression="none")))


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def zipped(path: Path) -> None:
    """The right file within an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cur.parquet", parquet())


def arrow(path: Path) -> None:
    """The right rows in a neighbouring format."""
    feather.write_feather(pa.table(healthy(1)), str(path))


def folder(path: Path) -> None:
    """A folder without a file."""
    path.unlink()
    path.mkdir()


def circle(path: Path) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path)


def twice(path: Path) -> None:
    """Two columns of one name."""
    rows = healthy(1)
    pq.write_table(pa.table([*rows.values(), rows["income"]], names=[*rows, "income"]), path)


def scrambled(data: bytes) -> bytes:
    """Footer and head as they were, the pages between them overwritten."""
    return data[:100] + bytes(255 - byte for byte in data[100 : len(data) // 2]) + data[len(data) // 2 :]


FILES: dict[str, tuple[Make, Told]] = {
    "0 bytes": (content(lambda _: b""), refused("cur.parquet", "not a Parquet file")),
    "truncated": (content(lambda data: data[:-50]), refused("cur.parquet", "not a Parquet file")),
    "half of it": (content(lambda data: data[: len(data) // 2]), refused("cur.parquet")),
    "pages overwritten": (content(scrambled), refused("cur.parquet", "cannot be read")),
    "the magic number only": (content(lambda _: b"PAR1PAR1"), refused("cur.parquet")),
    "CSV": (content(lambda _: b"id,at\n1,2\n"), refused("cur.parquet", "not a Parquet file")),
    "JSON": (content(lambda _: b'{"id": 1}'), refused("cur.parquet", "not a Parquet file")),
    "an archive": (zipped, refused("cur.parquet", "not a Parquet file")),
    "Arrow": (arrow, refused("cur.parquet", "not a Parquet file")),
    "an empty folder": (folder, refused("cur.parquet", "no such Parquet file")),
    "a link to itself": (circle, refused("cur.parquet")),
    "missing": (lambda path: path.unlink(), refused("cur.parquet", "no such Parquet file")),
    "two columns of one name": (twice, refused("'income'", "Rename")),
    "the reference itself": (lambda path: _write(path, Path("ref.parquet").read_bytes()), FINE),
}  # fmt: skip


def changed(**changes: Any) -> Callable[[], Any]:
    """The spec with other values; a key with two underscores is one of ``columns``."""

    def spec() -> Any:
        made = deepcopy(SPEC)
        for key, value in changes.items():
            place, name = (made["columns"], key[2:]) if key.startswith("__") else (made, key)
            if value is None:
                del place[name]
            else:
                place[name] = value
        return made

    return spec


SPECS: dict[str, tuple[Callable[[], Any], Told]] = {
    "empty": (lambda: None, refused("spec.yaml", "mapping")),
    "a list": (lambda: [SPEC], refused("spec.yaml", "mapping")),
    "of another release": (changed(schema_version=2), refused("schema_version", "1")),
    "without a name": (changed(name=None), refused("'name'", "missing")),
    "a name with spaces": (changed(name="a b"), refused("name", "lower-case")),
    "a name with markup": (changed(name="<b>"), refused("name", "lower-case")),
    "a typo": (changed(importence="high"), refused("'importence'", "importance")),
    "a typo within columns": (changed(__numerics=["x"]), refused("'columns.numerics'", "columns.numeric")),
    "an unknown task": (changed(task="ranking"), refused("task", "regression")),
    "an unknown importance": (changed(importance="huge"), refused("importance", "critical")),
    "an importance in a list": (changed(importance=["high"]), refused("importance", "critical")),
    "no owner": (changed(owner=""), refused("owner", "a text")),
    "columns as a list": (changed(columns=["id"]), refused("columns", "mapping")),
    "no score": (changed(__score=None), refused("'columns.score'", "missing")),
    "a column that is a number": (changed(__label=1), refused("columns.label", "a text")),
    "numeric as a text": (changed(__numeric="income"), refused("columns.numeric", "a list")),
    "a feature twice": (changed(__numeric=["income", "income"]), refused("columns.numeric", "repetition")),
    "numeric and categorical": (changed(__categorical=["income"]), refused("'income'", "one list")),
    "a feature that is not there": (changed(__numeric=["wealth"]), refused("'wealth'", "missing")),
    "the label as a feature": (
        changed(__numeric=["income", "label"]), refused("'label'", "feature", "Take it out"),
    ),
    "the score as the label": (changed(__score="label"), refused("'label'", "another column")),
    "a threshold in words": (changed(decision_threshold="half"), refused("decision_threshold", "a number")),
    "a threshold of NaN": (changed(decision_threshold=float("nan")), refused("decision_threshold", "number")),
    "a favourable label in a list": (changed(favourable_label=[1]), refused("favourable_label")),
    "an unknown limit": (changed(policy={"limits": {"drift.pis": 1}}), refused("drift.pis", "drift.psi")),
    "a limit of NaN": (changed(policy={"limits": {"drift.psi": float("nan")}}), refused("drift.psi")),
    "a limit in words": (changed(policy={"limits": {"drift.psi": "low"}}), refused("drift.psi")),
    "a policy that is a text": (changed(policy="strict"), refused("policy")),
    "a source of no kind": (changed(source={"kind": "csv"}), refused("source.kind", "parquet")),
    "roles that are no list": (changed(roles={"legal": "lena"}), refused("roles.legal", "a list")),
    "a reference that ends first": (
        changed(windows={"reference": {"start": "2026-02-01", "end": "2026-01-01"}, "length_days": 7}),
        refused("windows.reference", "Swap"),
    ),
    "a window of a million years": (
        changed(windows={"reference": {"start": "2026-01-01", "end": "2026-02-01"}, "length_days": 1e12}),
        refused("windows.length_days"),
    ),
}  # fmt: skip

TEXTS: dict[str, tuple[bytes, Told]] = {
    "no YAML": (b"a: [", refused("spec.yaml", "not YAML at line")),
    "a tab": (b"name:\tx\n\t- y\n", refused("spec.yaml", "not YAML")),
    "not UTF-8": (b"name: \xff\xfe", refused("spec.yaml", "UTF-8")),
    "a NUL byte": (b"name: a\x00b", refused("spec.yaml", "not YAML")),
    "a Python object": (b"!!python/object/apply:os.system ['true']", refused("spec.yaml", "not YAML")),
    "endless nesting": (b"[" * 5000, refused("spec.yaml", "not YAML")),
    "a date that is none": (b"name: 2026-99-99\n", refused("spec.yaml")),
}

DIGESTS: dict[str, tuple[Callable[[dict[str, Any]], Any], Told]] = {
    "of another release": (lambda d: d | {"schema_version": 99}, refused("digest of schema_version")),
    "of another model": (lambda d: d | {"model": "other"}, refused("'other'", "Digest it by this one")),
    "of another grid": (
        lambda d: d["numeric"]["income"].update({"mean": 0.0}) or d, refused("grid", "--like"),
    ),
    "without its table": (lambda d: {k: v for k, v in d.items() if k != "table"}, refused("damaged")),
    "torn base64": (lambda d: d["numeric"]["income"].update({"counts": "!!"}) or d, refused("damaged")),
    "a torn sample": (lambda d: d["sample"].update({"rows": "QUJD"}) or d, refused("damaged")),
    "rows as a text": (lambda d: d | {"rows": "many"}, refused("damaged")),
    "a list": (lambda d: [d], refused("not a digest")),
    "a number that is none": (lambda d: d | {"rows": float("nan")}, refused("damaged")),
}  # fmt: skip


def spoil_digest(change: Callable[[dict[str, Any]], Any]) -> None:
    """Write the window's digest, with something wrong in it."""
    asked = ["digest", "--spec", "spec.yaml", "--data"]
    assert cli.run([*asked, "ref.parquet", "--out", "ref.digest"]) == 0
    assert cli.run([*asked, "cur.parquet", "--like", "ref.digest", "--out", "cur.digest"]) == 0
    made = json.loads(Path("cur.digest").read_text())
    Path("cur.digest").write_text(json.dumps(change(made)))


REFERENCES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], Told]] = {
    "without labels": (all_of("label", None, pa.int8()), FINE),
    "labels of one class": (all_of("label", 1), breach("label")),
    "labels as words": (all_of("label", "yes"), breach("label")),
    "income null": (all_of("income", None, pa.float64()), Told(1)),
    "income constant": (all_of("income", 1.0), breach("income")),
    "income at the end of doubles": (all_of("income", 1e308), breach("income")),
    "income as texts": (all_of("income", "n/a"), breach("income")),
    "region null": (all_of("region", None, pa.string()), Told(1)),
    "sex null": (all_of("sex", None, pa.string()), unsure("sex")),
    "score null": (all_of("score", None, pa.float64()), Told(1)),
    "without a feature": (without("income"), refused("'income'", "missing")),
    "one row": (lambda rows: {name: column[:1] for name, column in rows.items()}, unsure("age")),
    "no rows": (lambda rows: {name: column[:0] for name, column in rows.items()}, refused("no rows")),
}
