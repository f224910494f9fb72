"""Look at the whole ledger as an auditor would: chain, outside checkpoint, evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amends.adapters.postgres.connection import connect
from amends.adapters.postgres.rows import stream_events
from amends.domain.events import ChainReport, walk_chain
from amends.errors import BadInput

if TYPE_CHECKING:
    import psycopg

EVIDENCE_FIELDS = ("assessment", "evidence", "validation")
"""Fields of an event's facts that hold the digest of a stored document."""

ALTERED = "SELECT digest FROM amends.evidence WHERE digest <> amends.digest_of(document) ORDER BY digest"

MISSING = """
SELECT DISTINCT fact.value FROM amends.events, jsonb_each_text(payload) AS fact
WHERE kind <> 'approval_answered' AND fact.key = ANY(%s) AND fact.value LIKE 'sha256:%%'
  AND NOT EXISTS (SELECT FROM amends.evidence WHERE digest = fact.value) ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the chain as it was once, kept where the database's owner cannot write.

    A chain shows what was changed inside it; only a checkpoint shows that its end was cut off or rewritten.
    """

    rows: int
    hash: str

    def __str__(self) -> str:
        return f"{self.rows}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> "Checkpoint":
        """Read ``<rows>:<hash>``. :raises BadInput: the text has another form."""
        rows, _, head = text.strip().partition(":")
        if not rows.isdigit() or len(head) != 64:  # noqa: PLR2004  SHA-256 in hexadecimal
            raise BadInput(
                f"checkpoint {text!r} is not <rows>:<64 hexadecimal digits>. Copy one that verify printed."
            )
        return cls(int(rows), head)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found; ``problems`` names each thing that does not hold, in plain words."""

    chain: ChainReport
    checkpoint_problem: str
    altered_evidence: tuple[str, ...]
    missing_evidence: tuple[str, ...]

    @property
    def head(self) -> Checkpoint:
        """The head of the part of the chain that holds."""
        return Checkpoint(self.chain.rows, self.chain.head)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that does not hold."""
        told = [self.chain.reason, self.checkpoint_problem]
        told += [f"evidence {digest} was changed after it was stored" for digest in self.altered_evidence]
        told += [f"evidence {digest} is named by an event but missing" for digest in self.missing_evidence]
        return tuple(line for line in told if line)

    def document(self) -> Mapping[str, Any]:
        """Return the audit as JSON."""
        return {
            "schema_version": 1,
            "intact": not self.problems,
            "rows": self.chain.rows,
            "head": self.chain.head,
            "checkpoint": str(self.head),
            "first_bad_seq": self.chain.first_bad_seq,
            "problems": list(self.problems),
        }


def audit(dsn: str, checkpoint: Checkpoint | None = None) -> Audit:
    """Walk the ledger as it stands now, in one snapshot.

    :param checkpoint: a head that was kept outside; the chain must still pass through it.
    :raises Unavailable: PostgreSQL does not answer, or there is no ledger.
    """
    with connect(dsn) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return Audit(
            chain=walk_chain(stream_events(connection)),
            checkpoint_problem=_compare(connection, checkpoint) if checkpoint else "",
            altered_evidence=tuple(row[0] for row in connection.execute(ALTERED)),
            missing_evidence=tuple(row[0] for row in connection.execute(MISSING, [list(EVIDENCE_FIELDS)])),
        )


def _compare(connection: "psycopg.Connection[Any]", checkpoint: Checkpoint) -> str:
    query = "SELECT hash FROM amends.events WHERE seq = %s"
    row = connection.execute(query, [checkpoint.rows]).fetchone()
    if checkpoint.rows and row is None:
        return f"row {checkpoint.rows} of the checkpoint is missing: the end of the ledger was cut off"
    if row is not None and row[0] != checkpoint.hash:
        return f"row {checkpoint.rows} is not the checkpoint's: the ledger was rewritten up to there"
    return ""
