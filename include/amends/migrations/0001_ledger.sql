-- The ledger: one append-only, hash-chained table of events, and what stands beside it.

-- events ---------------------------------------------------------------------------------------------
CREATE TABLE amends.events (
    seq          bigint PRIMARY KEY,
    at           timestamptz NOT NULL,
    kind         text NOT NULL,
    key          text NOT NULL UNIQUE,
    model        text NOT NULL,
    incident     text,
    actor        text NOT NULL,
    payload_text text NOT NULL,
    payload      jsonb NOT NULL GENERATED ALWAYS AS (payload_text::jsonb) STORED,
    previous     text NOT NULL,
    hash         text NOT NULL UNIQUE
);
COMMENT ON TABLE amends.events IS 'Everything that happened, in order; each row is bound by hash to the row before it.';
COMMENT ON COLUMN amends.events.payload_text IS 'The facts, byte for byte as the hash covers them.';

CREATE INDEX events_by_model ON amends.events (model, seq);
CREATE INDEX events_by_incident ON amends.events (incident, seq) WHERE incident IS NOT NULL;
CREATE UNIQUE INDEX one_move_per_epoch ON amends.events (model, ((payload ->> 'epoch')::bigint))
    WHERE kind = 'champion_moved';

CREATE FUNCTION amends.hash_of(event amends.events) RETURNS text
LANGUAGE sql STABLE
RETURN encode(sha256(convert_to(
    '[' || event.seq
    || ',' || to_json(to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00')
    || ',' || to_json(event.kind)
    || ',' || to_json(event.key)
    || ',' || to_json(event.model)
    || ',' || coalesce(to_json(event.incident)::text, 'null')
    || ',' || to_json(event.actor)
    || ',' || to_json(event.payload_text)
    || ',' || to_json(event.previous) || ']', 'UTF8')), 'hex');
COMMENT ON FUNCTION amends.hash_of IS 'SHA-256 over every field of an event and the hash before it: what column hash must hold.';

-- Whoever may insert could insert nonsense: the database itself checks number, link, hash and time.
CREATE FUNCTION amends.check_link() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    last amends.events;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('amends chain', 0));
    SELECT * INTO last FROM amends.events ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(last.seq, 0) + 1 OR NEW.previous <> coalesce(last.hash, repeat('0', 64)) THEN
        RAISE EXCEPTION 'event % does not follow row %', NEW.seq, coalesce(last.seq, 0) USING ERRCODE = 'AM001';
    END IF;
    IF NEW.hash <> amends.hash_of(NEW) THEN
        RAISE EXCEPTION 'event % does not fit its hash', NEW.seq USING ERRCODE = 'AM001';
    END IF;
    IF abs(extract(epoch FROM clock_timestamp() - NEW.at)) > 60 THEN
        RAISE EXCEPTION 'event % is not timed by the clock of the database', NEW.seq USING ERRCODE = 'AM001';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION amends.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on amends.% is refused: it is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'AM001';
END $$;

CREATE TRIGGER check_link BEFORE INSERT ON amends.events
    FOR EACH ROW EXECUTE FUNCTION amends.check_link();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON amends.events
    FOR EACH STATEMENT EXECUTE FUNCTION amends.refuse_change();
ALTER TABLE amends.events ENABLE ALWAYS TRIGGER check_link;
ALTER TABLE amends.events ENABLE ALWAYS TRIGGER append_only;

-- evidence -------------------------------------------------------------------------------------------
CREATE FUNCTION amends.digest_of(document text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'sha256:' || encode(sha256(convert_to(document, 'UTF8')), 'hex');

CREATE TABLE amends.evidence (
    digest    text PRIMARY KEY,
    kind      text NOT NULL,
    document  text NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT content_addressed CHECK (digest = amends.digest_of(document))
);
COMMENT ON TABLE amends.evidence IS 'Documents that events point to, each under the digest of its bytes.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON amends.evidence
    FOR EACH STATEMENT EXECUTE FUNCTION amends.refuse_change();
ALTER TABLE amends.evidence ENABLE ALWAYS TRIGGER append_only;

-- outbox ---------------------------------------------------------------------------------------------
CREATE TABLE amends.outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        text NOT NULL,
    key          text NOT NULL,
    model        text NOT NULL,
    payload      jsonb NOT NULL,
    announced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at   timestamptz,
    UNIQUE (topic, key)
);
COMMENT ON TABLE amends.outbox IS 'Facts that somebody still has to act on (settled_at is null), written with the fact.';
CREATE INDEX outbox_pending ON amends.outbox (topic, id) WHERE settled_at IS NULL;

CREATE FUNCTION amends.ring() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('amends_outbox', NEW.topic);
    RETURN NULL;
END $$;

CREATE TRIGGER ring AFTER INSERT ON amends.outbox
    FOR EACH ROW EXECUTE FUNCTION amends.ring();

-- views to read --------------------------------------------------------------------------------------
CREATE VIEW amends.timeline AS
SELECT seq, date_trunc('second', at) AS at, model, incident, kind, actor, payload
FROM amends.events ORDER BY seq;

CREATE VIEW amends.incidents AS
SELECT opened.incident,
       opened.model,
       opened.payload #>> '{call,severity}' AS severity,
       opened.payload #>> '{call,category}' AS category,
       opened.payload #>> '{call,playbook}' AS playbook,
       CASE WHEN closed.seq IS NULL THEN 'open' ELSE 'closed' END AS state,
       date_trunc('second', opened.at) AS opened_at,
       date_trunc('second', contained.at) AS contained_at,
       date_trunc('second', closed.at) AS closed_at,
       closed.payload ->> 'reason' AS closed_because,
       walk.events
FROM amends.events AS opened
LEFT JOIN LATERAL (
    SELECT seq, at, payload FROM amends.events
    WHERE incident = opened.incident AND kind = 'incident_closed' ORDER BY seq LIMIT 1
) AS closed ON true
LEFT JOIN LATERAL (
    SELECT at FROM amends.events
    WHERE incident = opened.incident AND kind = 'contained' ORDER BY seq LIMIT 1
) AS contained ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS events FROM amends.events WHERE incident = opened.incident
) AS walk
WHERE opened.kind = 'incident_opened'
ORDER BY opened.seq;

CREATE VIEW amends.approvals AS
SELECT incident,
       payload ->> 'role' AS role,
       payload ->> 'person' AS person,
       payload ->> 'choice' AS choice,
       payload ->> 'rationale' AS rationale,
       payload ->> 'answered_at' AS answered_at,
       payload ->> 'evidence' AS evidence,
       seq
FROM amends.events WHERE kind = 'approval_answered'
ORDER BY seq;

CREATE VIEW amends.champion_history AS
SELECT moved.model,
       (moved.payload ->> 'epoch')::bigint AS epoch,
       moved.payload #>> '{previous,version}' AS from_version,
       moved.payload ->> 'version' AS to_version,
       moved.payload ->> 'reason' AS reason,
       moved.incident,
       moved.actor,
       date_trunc('second', moved.at) AS moved_at,
       date_trunc('second', done.at) AS completed_at,
       moved.payload ->> 'digest' AS digest
FROM amends.events AS moved
LEFT JOIN amends.events AS done
       ON done.kind = 'promotion_completed' AND done.model = moved.model
      AND done.payload ->> 'epoch' = moved.payload ->> 'epoch'
WHERE moved.kind = 'champion_moved'
ORDER BY moved.model, moved.seq;

CREATE VIEW amends.champions AS
SELECT DISTINCT ON (model) model, epoch, to_version AS version, digest, reason, incident, moved_at, completed_at
FROM amends.champion_history ORDER BY model, epoch DESC;

-- the services' role: it adds and reads, it does not change, own or drop ------------------------------
GRANT USAGE ON SCHEMA amends TO amends_app;
GRANT SELECT ON ALL TABLES IN SCHEMA amends TO amends_app;
GRANT INSERT ON amends.events, amends.evidence, amends.outbox TO amends_app;
GRANT UPDATE (settled_at) ON amends.outbox TO amends_app;
