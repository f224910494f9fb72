"""Put a model's first champion on record, in a person's name."""

from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import Champion, Move
from amends.errors import Refused
from amends.ports import Ledger, ModelRegistry
from amends.workflow.promote import promote


def adopt(ledger: Ledger, registry: ModelRegistry, model: str, version: str, *, by: str) -> Champion:
    """Approve a registered version in a person's name and make it the first champion; again changes nothing.

    :raises Refused: another version is champion on record: that is changed by a response only.
    :raises ArtefactError: the version does not exist, carries no content digest, or does not load.
    """
    known = ledger.champion(model)
    if known is not None and known.version != version:
        raise Refused(
            f"model {model!r} has version {known.version} as its champion on record. "
            "Change it by a response, not by adoption."
        )
    found = registry.version(model, version)
    registry.load(found)
    with ledger.transaction(model) as transaction:
        transaction.append(
            NewEvent(
                kind=EventKind.VERSION_APPROVED,
                key=f"adopted:{model}",
                model=model,
                actor=by,
                payload={"version": version, "digest": found.digest},
            )
        )
    move = Move(
        key=f"adopt:{model}",
        model=model,
        version=version,
        digest=found.digest,
        seen_epoch=0,
        reason="bootstrap",
        actor=by,
    )
    return promote(ledger, registry, move)
