"""Reduce a window to its digest: all that judging needs of its rows, so that they are read once."""

from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.ports import WindowSource


def digest_window(
    spec: ModelSpec, source: WindowSource, window: Window | None, like: WindowDigest | None = None
) -> WindowDigest:
    """Read a window's rows once and keep their digest.

    A source that can decode one column at a time (``parts``) is read so: a window's other columns wait.

    :param like: the reference's digest, whose grid the window has to share; None for the reference itself.
    """
    parts = getattr(source, "parts", source.batches)
    return digest_batches(spec, parts(spec, window), like.grid if like else None)
