"""The demo's scoring step: the champion scores a batch; rows and announcement are committed together.

It stands for a team's own service. What Amends asks of such a service is one table of predictions, and, for a
monitor that starts by itself, one row in the outbox in the same transaction.
"""

from typing import TYPE_CHECKING

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import ArtefactError, SpecError
from amends.measures.trial_rows import shadow_spec
from amends.ports import Ledger, ModelRegistry
from amends.workflow.trial_scoring import Scored, running_trial, score_rows, score_window

if TYPE_CHECKING:
    import pandas as pd
    import psycopg
    from psycopg.sql import Composed, Identifier

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
CREATE TABLE IF NOT EXISTS {shadow} (
    application_id text NOT NULL,
    decided_at     timestamptz NOT NULL,
    model_version  text NOT NULL,
    score          double precision,
    approved       smallint,
    PRIMARY KEY (application_id, model_version)
);
CREATE INDEX IF NOT EXISTS {shadow_index} ON {shadow} (decided_at);
GRANT SELECT ON {shadow} TO {reader};
"""


def create_log(owner_dsn: str, spec: ModelSpec) -> None:
    """Create the table of predictions and its shadow, readable for Amends; what is there stays as it is."""
    from psycopg.sql import SQL, Identifier

    from amends.adapters.postgres import APP_ROLE, connect

    names = {
        "table": _table(spec),
        "index": Identifier(f"{spec.name}_by_time"),
        "shadow": _table(shadow_spec(spec)),
        "shadow_index": Identifier(f"{spec.name}_shadow_by_time"),
        "reader": Identifier(APP_ROLE),
    }
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
    return score_rows(registry, spec, version, rows)


def answer(ledger: Ledger, registry: ModelRegistry, spec: ModelSpec, rows: "pd.DataFrame") -> Scored:
    """Answer a batch as the ledger says: by the champion, and under the running trial where there is one."""
    trial = running_trial(ledger, spec.name)
    if trial is None:
        return Scored(score(registry, spec, champion(ledger, registry, spec.name), rows))
    return score_window(registry, spec, trial, rows)


def log_batch(
    owner_dsn: str, spec: ModelSpec, window: Window, scored: "pd.DataFrame", *,
    shadow: "pd.DataFrame | None" = None, announced: bool = True,
) -> int:  # fmt: skip
    """Write a batch and announce its window, in one transaction; return how many rows were new.

    A decision is made once: a row whose id is in the log already stays as it was. A window that was announced
    before is not announced again.

    :param shadow: the challenger's rows for the shadow log, written in the same transaction.
    :param announced: False for rows that no monitor has to look at, such as the reference.
    """
    from amends.adapters.postgres import announce, connect

    with connect(owner_dsn) as connection, connection.transaction():
        written = _insert(connection, spec, scored)
        if shadow is not None:
            _insert(connection, shadow_spec(spec), shadow)
        if announced:
            payload = {**window.document(), "rows": len(scored)}
            announce(connection, topic=TOPIC, key=window.key, model=spec.name, payload=payload)
    return written


def _insert(connection: "psycopg.Connection[object]", spec: ModelSpec, rows: "pd.DataFrame") -> int:
    """Write the rows that are not there yet; return how many that were."""
    from psycopg.sql import SQL, Identifier

    columns = SQL(", ").join(Identifier(name) for name in spec.columns.all)
    names = {"table": _table(spec), "columns": columns, "batch": Identifier(f"batch_of_{_table_name(spec)}")}
    create = SQL("CREATE TEMP TABLE {batch} (LIKE {table}) ON COMMIT DROP").format(**names)
    copy = SQL("COPY {batch} ({columns}) FROM STDIN").format(**names)
    insert = SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM {batch} ON CONFLICT DO NOTHING")
    connection.execute(create)
    _copy(connection, copy, rows[list(spec.columns.all)])
    return connection.execute(insert.format(**names)).rowcount


def _copy(connection: "psycopg.Connection[object]", query: "Composed", scored: "pd.DataFrame") -> None:
    plain = scored.astype(object)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for row in plain.where(scored.notna(), None).itertuples(index=False):
            copy.write_row(row)


def _table(spec: ModelSpec) -> "Identifier":
    from psycopg.sql import Identifier

    return Identifier(*_table_name(spec).split("."))


def _table_name(spec: ModelSpec) -> str:
    if spec.source is None or spec.source.table is None:
        raise SpecError(f"model {spec.name!r} has no source.table to log to. Add it.")
    return spec.source.table
