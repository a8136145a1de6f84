-- The central store of a fleet, for PostgreSQL 12 and later:
--     createdb fim && psql -d fim -f postgresql.sql
-- rsyslog-central.conf writes into it. Who writes (fim_write) can add lines and nothing else.
--     SELECT * FROM fim_doubt ORDER BY host, since;
-- Let old lines go by fim_forget alone, which notes that they were there:
--     SELECT fim_forget(now() - interval '400 days');

-- The number that the sink gave a message, and of which spool it is. What has none is no sink's
-- of ours: 0 and '', since a line that is refused would hold up all that come after it.
CREATE FUNCTION fim_number(data text) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	$$ SELECT coalesce(substring(data FROM 'number="([0-9]{1,18})"'), '0')::bigint $$;
CREATE FUNCTION fim_spool(data text) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$ SELECT coalesce(substring(data FROM 'spool="([0-9a-f]+)"'), '') $$;

-- A line as JSON; NULL where it is none: it is kept all the same.
CREATE FUNCTION fim_json(line text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN line::jsonb;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END $$;

CREATE TABLE fim_line (
	host text NOT NULL,
	spool text NOT NULL,
	number bigint NOT NULL,
	line text NOT NULL,
	received timestamptz NOT NULL DEFAULT now(),
	record jsonb GENERATED ALWAYS AS (fim_json(line)) STORED
);
-- What comes again after a broken connection is the same, and kept once.
CREATE UNIQUE INDEX fim_line_once ON fim_line (host, spool, number, md5(line));
CREATE INDEX fim_line_kind ON fim_line (host, (record->>'kind'), (record->>'time'));

-- The last number of each spool that was let go for its age.
CREATE TABLE fim_forgotten (
	host text, spool text, number bigint NOT NULL, PRIMARY KEY (host, spool)
);
CREATE FUNCTION fim_forget(older timestamptz) RETURNS void LANGUAGE sql AS $$
	WITH gone AS (
		DELETE FROM fim_line WHERE received < older RETURNING host, spool, number
	)
	INSERT INTO fim_forgotten SELECT host, spool, max(number) FROM gone GROUP BY host, spool
		ON CONFLICT (host, spool) DO UPDATE
		SET number = greatest(fim_forgotten.number, excluded.number) $$;

CREATE ROLE fim_write LOGIN;
GRANT INSERT ON fim_line TO fim_write;

CREATE VIEW fim_record AS
	SELECT host, spool, number, received, record->>'kind' AS kind, record->>'stream' AS stream,
		(record->>'seq')::bigint AS seq, (record->>'time')::timestamptz AS time, record
	FROM fim_line;

-- Why a host's records of the last so many days are not the whole truth.
CREATE VIEW fim_doubt AS
WITH hosts AS (
	SELECT host, coalesce(max(received), '-infinity') AS last FROM
		(SELECT host, received FROM fim_line
		 UNION ALL SELECT host, NULL FROM fim_forgotten) AS known GROUP BY host
), numbered AS ( -- the first of a spool has number 1
	SELECT host, spool, number, received, lag(number, 1, coalesce(gone, 0)) OVER
		(PARTITION BY host, spool ORDER BY number) AS before
	FROM fim_line LEFT JOIN
		(SELECT host, spool, number AS gone FROM fim_forgotten) AS forgotten USING (host, spool)
	WHERE number > 0
), spools AS ( -- in the order in which they came
	SELECT host, spool, min(received) AS since, row_number() OVER
		(PARTITION BY host ORDER BY min(received), spool) AS place
	FROM fim_line WHERE spool <> '' GROUP BY host, spool
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
SELECT host, 'twice', received, format('two different messages have the number %s', number)
	FROM numbered WHERE number = before
UNION ALL
SELECT host, 'unnumbered', received, 'a message that no sink of fim numbered'
	FROM fim_line WHERE number = 0
UNION ALL
SELECT host, 'another spool', since,
	format('numbers begin anew in spool %s: what waited in another one may be lost', spool)
	FROM spools WHERE place > 1 AND since > now() - interval '7 days'
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
