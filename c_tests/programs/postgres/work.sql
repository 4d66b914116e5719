-- What pgbench did, and work in memory: sorts, hashes, text, json, arrays, functions and subplans.
SELECT count(*), sum(abalance), md5(string_agg(aid || ':' || abalance, ',' ORDER BY aid))
FROM pgbench_accounts;
SELECT sum(bbalance) FROM pgbench_branches;
SELECT sum(tbalance) FROM pgbench_tellers;
SELECT count(*), sum(delta) FROM pgbench_history;

SET work_mem = '1MB';
CREATE TABLE words AS
SELECT number, md5((number * 7919 % 100003)::text) AS word, repeat('x', number % 900) AS tail
FROM generate_series(1, 40000) AS number;
CREATE INDEX words_by_word ON words (word);
CREATE INDEX words_by_parts ON words USING gin (string_to_array(word, '0'));
ANALYZE words;
SELECT md5(string_agg(word, '' ORDER BY word DESC)) FROM words;
SELECT count(*), sum(length(a.tail)) FROM words a JOIN words b ON a.word = md5(b.number::text);
SELECT count(*) FROM words WHERE string_to_array(word, '0') @> ARRAY['a'];
SELECT left(word, 1), count(*), max(tail) = repeat('x', 899) FROM words GROUP BY 1 ORDER BY 1;

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT number % 7, count(*), sum(length(tail)), max(word) FROM words GROUP BY 1 ORDER BY 1;

CREATE FUNCTION collatz(start bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE steps int := 0; path bigint[] := '{}';
BEGIN
    WHILE start <> 1 LOOP
        path := path || start;
        start := CASE WHEN start % 2 = 0 THEN start / 2 ELSE 3 * start + 1 END;
        steps := steps + 1;
    END LOOP;
    RETURN steps + array_length(path, 1);
EXCEPTION WHEN division_by_zero THEN RETURN -1;
END $$;
SELECT sum(collatz(number)) FROM generate_series(2, 600) AS number;
WITH RECURSIVE tree AS (
    SELECT 1 AS node, '1' AS path
    UNION ALL
    SELECT node * 2 + side, path || '.' || node * 2 + side
    FROM tree, generate_series(0, 1) AS side WHERE node < 2048
)
SELECT count(*), md5(string_agg(path, '/' ORDER BY node)) FROM tree;
SELECT md5(jsonb_agg(jsonb_build_object('n', number, 'w', word, 'l', length(tail)))::text)
FROM (SELECT * FROM words ORDER BY number LIMIT 5000) AS first;
SELECT count(DISTINCT regexp_replace(word, '[0-9]+', '#', 'g')) FROM words;
DO $$ BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
DELETE FROM words WHERE number % 3 = 0;
VACUUM FULL words;
