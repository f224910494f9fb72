-- Snapshots: the rows of an incident's window as they were when its evidence was frozen.

CREATE TABLE amends.snapshots (
    incident text NOT NULL,
    part     integer NOT NULL,
    digest   text NOT NULL,
    rows     bigint NOT NULL,
    content  bytea NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (incident, part),
    CONSTRAINT content_addressed CHECK (digest = 'sha256:' || encode(sha256(content), 'hex'))
);
COMMENT ON TABLE amends.snapshots IS 'Frozen rows in parts (Parquet); they are never changed, and deleted only by amends.forget_snapshots.';
ALTER TABLE amends.snapshots ALTER COLUMN content SET STORAGE EXTERNAL; -- Parquet is compressed already

CREATE TRIGGER read_only BEFORE UPDATE OR TRUNCATE ON amends.snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION amends.refuse_change();
ALTER TABLE amends.snapshots ENABLE ALWAYS TRIGGER read_only;

-- Rows are about people: they are kept for as long as the rules of retention say, then forgotten. Only the
-- owner may call it; the events and the digests of what was forgotten stay.
CREATE FUNCTION amends.forget_snapshots(older_than interval) RETURNS bigint
LANGUAGE sql
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM amends.snapshots WHERE taken_at < clock_timestamp() - older_than RETURNING 1
    )
    SELECT count(*) FROM gone;
END;
REVOKE EXECUTE ON FUNCTION amends.forget_snapshots FROM PUBLIC;

GRANT SELECT, INSERT ON amends.snapshots TO amends_app;
