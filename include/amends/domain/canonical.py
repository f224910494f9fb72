"""One spelling of a JSON document, so that equal facts have equal digests."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any


class Plain(str):
    """A text of letters, digits and the like (base64): none of them is spelled otherwise in JSON."""

    __slots__ = ()


def canonical_json(document: Any) -> bytes:
    """Encode as UTF-8 JSON with sorted keys and no spaces.

    :raises ValueError: a number is NaN or infinite, or a value is not JSON.
    """
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(document: Any) -> str:
    """Content digest of a JSON document: ``sha256:`` and 64 hexadecimal digits."""
    return digest_of_bytes(canonical_json(document))


def made(document: Any) -> Any:
    """Copy a document with each value that is still to be made (a function without arguments) made."""
    if callable(document):
        return made(document())
    if isinstance(document, Mapping):
        return {key: made(value) for key, value in document.items()}
    return document


def digest_of_unmade(document: Any) -> str:
    """Content digest of :func:`made` ``(document)``, with one such value in memory at a time."""
    digest = hashlib.sha256()
    for part in _spelled(document):
        digest.update(part)
    return "sha256:" + digest.hexdigest()


def _spelled(document: Any) -> Iterator[bytes]:
    """The parts of the canonical JSON of a document, in order."""
    if callable(document):
        yield from _spelled(document())
    elif isinstance(document, Mapping) and document:
        for place, key in enumerate(sorted(document)):
            yield (b"," if place else b"{") + canonical_json(key) + b":"
            yield from _spelled(document[key])
        yield b"}"
    elif isinstance(document, Plain):
        yield from (b'"', document.encode(), b'"')
    else:
        yield canonical_json(document)


def digest_of_bytes(content: bytes) -> str:
    """Content digest of raw bytes: ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def finite(value: float | None) -> float | None:
    """Return the number, or None where it is not finite: strict JSON knows no NaN."""
    return value if value is not None and math.isfinite(value) else None


def strict(document: Any) -> Any:
    """Copy a document with every non-finite number as None and every tuple as a list."""
    if isinstance(document, str):  # most of what there is
        return document
    if isinstance(document, float):
        return finite(document)
    if isinstance(document, list | tuple):
        return [strict(value) for value in document]
    if isinstance(document, Mapping):
        return {str(key): strict(value) for key, value in document.items()}
    return document
