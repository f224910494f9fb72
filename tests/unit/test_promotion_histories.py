"""Whatever is done in whatever order, record and alias agree and the champion was always validated bytes."""

from dataclasses import replace

from amends.domain.championship import champion_of
from amends.domain.events import EventKind
from amends.domain.promotion import Champion, ModelVersion, Move
from amends.errors import ArtefactError, Refused, Unavailable
from amends.workflow.promote import Step, promote, reconcile, rollback_target
from fakes import FakeLedger
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

MODEL = "credit"
VERSIONS = st.sampled_from(["1", "2", "3", "4"])


class ShakyRegistry:
    """Four versions, an alias that anybody may set, and answers that fail when a test says so."""

    def __init__(self) -> None:
        self.alias: str | None = None
        self.born = dict.fromkeys("1234", 0)
        self.failing = 0

    def answer(self) -> None:
        """Fail as often as was asked for."""
        if self.failing:
            self.failing -= 1
            raise Unavailable("the registry does not answer")

    def version(self, model: str, version: str) -> ModelVersion:
        """Return a version with the digest of its birth."""
        self.answer()
        if version not in self.born:
            raise ArtefactError(f"no version {version}")
        return ModelVersion(model=model, version=version, digest=f"sha256:{version}-{self.born[version]}")

    def aliased(self, model: str) -> str | None:
        """Read the alias."""
        del model
        self.answer()
        return self.alias

    def point_champion(self, model: str, version: str) -> None:
        """Set the alias of a version that exists; the answer may get lost after the deed."""
        self.version(model, version)
        self.alias = version
        self.answer()

    def load(self, version: ModelVersion) -> None:
        """Load a version."""
        self.version(version.model, version.version)


class Histories(RuleBasedStateMachine):
    """People, processes and faults act on one model in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.registry = FakeLedger(), ShakyRegistry()
        self.moves: list[Move] = []
        self.foreign = False

    @initialize()
    def bootstrap(self) -> None:
        """Begin with version 1 in production."""
        self.attempt(self.wish("1", "bootstrap"))

    def wish(self, version: str, reason: str) -> Move:
        """Validate a version against the champion of this moment."""
        now = self.ledger.champion(MODEL)
        digest = f"sha256:{version}-{self.registry.born.get(version, 'gone')}"
        move = Move(
            key=f"move {len(self.moves)}", model=MODEL, version=version, digest=digest,
            seen_epoch=now.epoch if now else 0, reason=reason,
        )  # fmt: skip
        self.moves.append(move)
        return move

    def attempt(self, move: Move) -> Champion | None:
        """Promote; a refusal or an outage is an answer too."""
        try:
            made = promote(self.ledger, self.registry, move)  # type: ignore[arg-type]
        except (Refused, Unavailable, ArtefactError):
            return None
        assert (made.version, made.digest) == (move.version, move.digest)
        return made

    @rule(version=VERSIONS)
    def validate(self, version: str) -> None:
        """Somebody validates a version and will promote it later, or never."""
        self.wish(version, "promotion")

    @rule(data=st.data())
    def promote_or_retry(self, data: st.DataObject) -> None:
        """Any validated move is tried, for the first time or again."""
        self.attempt(data.draw(st.sampled_from(self.moves)))

    @rule()
    def roll_back(self) -> None:
        """An incident rolls back to the newest good version."""
        champion = self.ledger.champion(MODEL)
        known_bad = [champion.version] if champion else []
        try:
            target = rollback_target(self.ledger, self.registry, MODEL, known_bad=known_bad)  # type: ignore[arg-type]
        except Unavailable:
            return
        if target is not None:
            assert champion is None or target.digest != champion.digest
            self.attempt(self.wish(target.version, "rollback"))

    @rule(version=VERSIONS)
    def set_alias_by_hand(self, version: str) -> None:
        """Somebody with rights in the registry moves the alias."""
        self.registry.alias = version

    @rule(version=VERSIONS)
    def delete_version(self, version: str) -> None:
        """Somebody deletes a version; an alias that points to it stays."""
        self.registry.born.pop(version, None)

    @rule(version=VERSIONS)
    def register_anew(self, version: str) -> None:
        """A version of the same number comes with other bytes."""
        self.registry.born[version] = self.registry.born.get(version, 0) + 1

    @rule(times=st.integers(1, 3))
    def registry_fails(self, times: int) -> None:
        """The registry does not answer for a while."""
        self.registry.failing = times

    @rule()
    def sweep(self) -> None:
        """The reconciler restores: afterwards the alias is the record, or an error has said why not."""
        self.registry.failing = 0
        champion = self.ledger.champion(MODEL)
        try:
            found = reconcile(self.ledger, self.registry, MODEL, restore=True)  # type: ignore[arg-type]
        except ArtefactError:
            assert champion is not None
            assert self.registry.born.get(champion.version) != int(champion.digest.rpartition("-")[2])
            return
        assert found.step is not Step.FOREIGN
        assert champion is None or self.registry.alias == champion.version

    @invariant()
    def epochs_have_no_gap_and_every_move_was_wished_for(self) -> None:
        """Each move of the champion is one wish, carried out once, on the epoch it was validated against."""
        moved = self.ledger.events(kinds=[EventKind.CHAMPION_MOVED])
        wishes = {move.key: move for move in self.moves}
        assert [event.payload["epoch"] for event in moved] == list(range(1, len(moved) + 1))
        for event in moved:
            champion, wish = champion_of(event), wishes[event.key]
            assert champion == replace(
                Champion(model=MODEL, version=wish.version, digest=wish.digest, epoch=0),
                epoch=wish.seen_epoch + 1,
            )

    @invariant()
    def what_is_completed_was_intended_and_moved(self) -> None:
        """No completion without a move, no move without an intent, nothing twice, the chain whole."""
        keys = {
            kind: [event.key.partition(":")[0] for event in self.ledger.events(kinds=[kind])]
            for kind in (
                EventKind.PROMOTION_INTENDED, EventKind.CHAMPION_MOVED, EventKind.PROMOTION_COMPLETED,
            )
        }  # fmt: skip
        intended, moved, completed = (set(found) for found in keys.values())
        assert completed <= moved <= intended
        assert all(len(found) == len(set(found)) for found in keys.values())
        assert {row.key for row in self.ledger.pending("champion_moved")} == moved
        assert self.ledger.verify().intact


Histories.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestHistories = Histories.TestCase
