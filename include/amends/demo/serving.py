"""The demo's scoring step: the champion scores a batch; rows and announcement are committed together.

It stands for a team's own service. What Amends asks of such a service is one table of predictions, and, for a
monitor that starts by itself, one row in the outbox in the same transaction.
"""

from typing import TYPE_CHECKING

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import ArtefactError, SpecError
from amends.ports import Ledger, ModelRegistry

if TYPE_CHECKING:
    import pandas as pd
    import psycopg
    from psycopg.sql import Identifier

TOPIC = "batch"
TABLE = """
CREATE TABLE IF NOT EXISTS {table} (
    application_id text PRIMARY KEY,
    decided_at     timestamptz NOT NULL,
    model_version  text NOT NULL,
    score          double precision NOT NULL,
    approved       smallint NOT NULL,
    repaid         smallint,
    income         double precision,
    debt_ratio     double precision,
    loan_amount    double precision,
    late_payments  integer,
    years_employed double precision,
    credit_years   double precision,
    home           text,
    purpose        text,
    region         text,
    sex            text,
    age_group      text
);
CREATE INDEX IF NOT EXISTS {index} ON {table} (decided_at);
GRANT SELECT ON {table} TO {reader};
"""


def create_log(owner_dsn: str, spec: ModelSpec) -> None:
    """Create the table of predictions, readable for Amends; one that is there stays as it is."""
    from psycopg.sql import SQL, Identifier

    from amends.adapters.postgres import APP_ROLE, connect

    table = _table(spec)
    names = {"table": table, "index": Identifier(f"{spec.name}_by_time"), "reader": Identifier(APP_ROLE)}
    with connect(owner_dsn) as connection, connection.transaction():
        connection.execute(SQL(TABLE).format(**names))


def champion(ledger: Ledger, registry: ModelRegistry, model: str) -> ModelVersion:
    """Return the version to serve: the ledger's champion, pinned by its digest; the alias may lag or lie.

    :raises ArtefactError: the model has no champion yet, or its version is gone.
    """
    known = ledger.champion(model)
    if known is None:
        raise ArtefactError(f"model {model!r} has no champion to serve. Promote a version first.")
    version = registry.version(model, known.version)
    return ModelVersion(model=model, version=known.version, digest=known.digest, tags=version.tags)


def score(
    registry: ModelRegistry, spec: ModelSpec, version: ModelVersion, rows: "pd.DataFrame"
) -> "pd.DataFrame":
    """Score rows with a version; return what the log keeps of them."""
    from amends.measures.scoring import decide

    scores = registry.load(version)(rows)
    scored = rows.assign(
        **{
            spec.columns.score: scores,
            spec.columns.predicted_label: decide(spec, scores),
            str(spec.columns.model_version): version.version,
        }
    )
    return scored[list(spec.columns.all)]


def log_batch(
    owner_dsn: str, spec: ModelSpec, window: Window, scored: "pd.DataFrame", *, announced: bool = True
) -> int:
    """Write a batch and announce its window, in one transaction; return how many rows were new.

    A decision is made once: a row whose id is in the log already stays as it was. A window that was announced
    before is not announced again.

    :param announced: False for rows that no monitor has to look at, such as the reference.
    """
    from psycopg.sql import SQL, Identifier

    from amends.adapters.postgres import announce, connect

    columns = SQL(", ").join(Identifier(name) for name in spec.columns.all)
    names = {"table": _table(spec), "columns": columns}
    insert = SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM batch ON CONFLICT DO NOTHING")
    with connect(owner_dsn) as connection, connection.transaction():
        connection.execute(SQL("CREATE TEMP TABLE batch (LIKE {table}) ON COMMIT DROP").format(**names))
        _copy(connection, columns, scored[list(spec.columns.all)])
        written = connection.execute(insert.format(**names)).rowcount
        if announced:
            payload = {**window.document(), "rows": len(scored)}
            announce(connection, topic=TOPIC, key=window.key, model=spec.name, payload=payload)
    return written


def _copy(connection: "psycopg.Connection[object]", columns: object, scored: "pd.DataFrame") -> None:
    from psycopg.sql import SQL

    query = SQL("COPY batch ({}) FROM STDIN").format(columns)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for row in scored.astype(object).itertuples(index=False):
            copy.write_row(row)


def _table(spec: ModelSpec) -> "Identifier":
    from psycopg.sql import Identifier

    if spec.source is None or spec.source.table is None:
        raise SpecError(f"model {spec.name!r} has no source.table to log to. Add it.")
    return Identifier(*spec.source.table.split("."))
