"""Identities of rows as numbers of 64 bits: what repeats, in bounded memory, without keeping any id."""

import hashlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from amends.measures.profiles import SLICE

MOST_IDS = 1 << 24
"""Ids whose hashes are kept (128 MiB of them) to count what repeats."""
LONGEST = 256
"""Bytes of a text that are hashed eight at a time; longer texts are hashed one by one."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Keys: TypeAlias = npt.NDArray[np.uint64]


def mixed(x: Keys) -> Keys:
    """Mix the bits of each number: one to one, and close to random.

    Source: Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators" (splitmix64).
    """
    x = x + _MULTIPLIER
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def hashed(texts: pa.Array) -> Keys:
    """Hash texts (a null as the empty text) by their bytes and length, the same in every process.

    Two of n different texts share a number with a chance of about ``n ** 2 / 2 ** 65``: 3e-6 for ten million.
    """
    found = np.empty(len(texts), np.uint64)
    for start in range(0, len(texts), SLICE):
        found[start : start + SLICE] = _hashed(texts.slice(start, SLICE).cast(pa.large_binary()))
    return found


def _hashed(texts: pa.Array) -> Keys:
    if texts.null_count:
        texts = texts.fill_null(b"")
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(ends)
    words = _words(data, int(ends[0]), int(ends[-1]))
    starts = ends[:-1] - ends[0]
    found = mixed(lengths.astype(np.uint64))
    rows: Any = slice(None)
    for at in range(0, min(int(lengths.max(initial=0)), LONGEST), 8):
        if at:
            rows = np.flatnonzero(lengths > at)
        left = np.minimum(lengths[rows] - at, 8)
        kept = words[starts[rows] + at] & _MASKS[np.maximum(left, 0)]
        found[rows] = mixed(found[rows] ^ kept)
    for row in np.flatnonzero(lengths > LONGEST):
        text = hashlib.blake2b(texts[int(row)].as_py(), digest_size=8).digest()
        found[row] = int.from_bytes(text, "little")
    return found


_MASKS = np.array([2 ** (8 * n) - 1 for n in range(9)], dtype=np.uint64)


def _words(data: pa.Buffer | None, start: int, end: int) -> Keys:
    """The eight bytes from each byte on, as a number; zeros follow the last."""
    octets = np.zeros(end - start + 8, np.uint8)
    if data is not None:
        octets[: end - start] = np.frombuffer(data, np.uint8)[start:end]
    words: Keys = np.lib.stride_tricks.as_strided(octets[:8].view("<u8"), (end - start + 1,), (1,))
    return words


class IdTally:
    """Counts ids that repeat, from their hashes.

    Exact up to MOST_IDS rows, but for the chance that two ids share a hash (see :func:`hashed`). Of more rows
    a known share is kept, chosen by hash, in which an id is with all its repeats or not at all; the count is
    then that share's, scaled up.
    """

    def __init__(self, most: int = MOST_IDS) -> None:
        """Take how many hashes may be kept."""
        self._most, self._halvings, self._held = most, 0, 0
        self._kept = np.empty(most, np.uint64)  # memory is taken as it is filled

    def add(self, keys: Keys) -> None:
        """Take the hashes of more ids."""
        for start in range(0, len(keys), SLICE):
            part = self._chosen(keys[start : start + SLICE])
            while self._held + len(part) > self._most:
                self._halvings += 1
                left = self._chosen(self._kept[: self._held])
                self._held = len(left)
                self._kept[: self._held] = left
                part = self._chosen(part)
            self._kept[self._held : self._held + len(part)] = part
            self._held += len(part)

    def repeats(self) -> int:
        """Rows less distinct ids."""
        keys = self._kept[: self._held]
        keys.sort()
        return int(np.count_nonzero(keys[1:] == keys[:-1])) << self._halvings

    def _chosen(self, keys: Keys) -> Keys:
        return keys[keys < np.uint64(2 ** (64 - self._halvings))] if self._halvings else keys


def present(keys: Keys, absent: pa.BooleanArray) -> Keys:
    """The hashes of the texts that are there."""
    return keys[~np.asarray(absent)] if absent.true_count else keys
