"""Who is champion, and what a move of the champion rests on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version in the registry. ``digest`` covers every byte of its artefact."""

    model: str
    version: str
    digest: str
    tags: tuple[tuple[str, str], ...] = ()

    def tag(self, name: str) -> str | None:
        """Value of one tag, or None."""
        return dict(self.tags).get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The version in production by our record. ``epoch`` grows by one with every move."""

    model: str
    version: str
    digest: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A wish to make ``version`` the champion, valid only while the champion is at ``seen_epoch``.

    ``reason`` is one of ``promotion``, ``rollback``, ``bootstrap``. ``key`` makes a retry the same move.
    """

    key: str
    model: str
    version: str
    digest: str
    seen_epoch: int
    reason: str
    incident: str | None = None
    actor: str = "amends"
