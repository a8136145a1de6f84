-- The central store of a fleet, for PostgreSQL 12 and later:
--     createdb fim && psql -d fim -f postgresql.sql
-- rsyslog-central.conf writes into it. Who writes (fim_write) can add lines and nothing else.
--     SELECT * FROM fim_doubt ORDER BY host, since;

-- The number that the sink gave a message.
CREATE FUNCTION fim_number(data text) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	$$ SELECT substring(data FROM 'number="([0-9]+)"')::bigint $$;

-- A line as JSON; NULL where it is none: it is kept all the same.
CREATE FUNCTION fim_json(line text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN line::jsonb;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END $$;

CREATE TABLE fim_line (
	host text NOT NULL,
	number bigint NOT NULL,
	line text NOT NULL,
	received timestamptz NOT NULL DEFAULT now(),
	record jsonb GENERATED ALWAYS AS (fim_json(line)) STORED
);
-- What comes again after a broken connection is the same, and kept once.
CREATE UNIQUE INDEX fim_line_once ON fim_line (host, number, md5(line));
CREATE INDEX fim_line_kind ON fim_line (host, (record->>'kind'), (record->>'time'));

CREATE ROLE fim_write LOGIN;
GRANT INSERT ON fim_line TO fim_write;

CREATE VIEW fim_record AS
	SELECT host, number, received, record->>'kind' AS kind, record->>'stream' AS stream,
		(record->>'seq')::bigint AS seq, (record->>'time')::timestamptz AS time, record
	FROM fim_line;

-- Why a host's records of the last so many days are not the whole truth.
CREATE VIEW fim_doubt AS
WITH hosts AS (
	SELECT host, max(received) AS last FROM fim_line GROUP BY host
), numbered AS (
	SELECT host, number, received, lag(number) OVER (PARTITION BY host ORDER BY number) AS before
	FROM fim_line
), blind AS (
	SELECT host, time, record->>'reason' AS reason, (record->>'since')::timestamptz AS since,
		(record->>'until')::timestamptz AS until, row_number() OVER
			(PARTITION BY host ORDER BY time DESC, number DESC) AS back
	FROM fim_record WHERE kind = 'blind'
)
SELECT host, 'hole' AS doubt, received AS since, format('%s messages are missing: %s to %s',
	number - before - 1, before + 1, number - 1) AS detail
	FROM numbered WHERE number - before > 1
UNION ALL
SELECT host, 'unreadable', received, format('message %s is no record', number)
	FROM fim_line WHERE record IS NULL
UNION ALL
SELECT host, 'blind', since, reason FROM blind WHERE back = 1 AND until IS NULL
UNION ALL
SELECT host, 'was blind', since, format('until %s: %s', until, reason)
	FROM blind WHERE until > now() - interval '7 days'
UNION ALL
SELECT host, 'gap', time, format('%s records lost: %s', record->>'lost', record->>'reason')
	FROM fim_record AS gap WHERE kind = 'gap' AND NOT EXISTS (
		SELECT FROM fim_record AS closed WHERE closed.kind = 'gap_closed'
		AND closed.host = gap.host AND closed.stream = gap.stream
		AND (closed.record->>'gap')::bigint = gap.seq)
UNION ALL
SELECT host, 'silent', last, 'nothing came for five minutes'
	FROM hosts WHERE last < now() - interval '5 minutes'
UNION ALL
SELECT host, 'not compared', last, 'no comparison with the baseline in eight days'
	FROM hosts WHERE NOT EXISTS (
		SELECT FROM fim_record AS done WHERE done.host = hosts.host AND done.kind = 'check'
		AND done.received > now() - interval '8 days');
