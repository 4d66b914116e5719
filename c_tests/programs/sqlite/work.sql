-- Inserts, indices, joins, aggregates, windows, JSON, a rollback and a vacuum.
PRAGMA journal_mode = WAL;
PRAGMA cache_size = -65536;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, note BLOB);
CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer_id INTEGER, cents INTEGER, day TEXT);

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer
SELECT i, 'name ' || (i * 7919 % 20011), 'city ' || (i % 61), zeroblob(i % 700) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
INSERT INTO purchase
SELECT i, i * 31 % 20000 + 1, i * 7919 % 100003, date('2020-01-01', (i % 900) || ' days') FROM n;

CREATE INDEX customer_by_name ON customer (name, city);
CREATE INDEX purchase_by_customer ON purchase (customer_id, day);
ANALYZE;

SELECT city, count(*), sum(cents), max(day)
FROM customer JOIN purchase ON customer_id = customer.id
GROUP BY city ORDER BY sum(cents) DESC LIMIT 10;

SELECT name, day, cents, sum(cents) OVER (PARTITION BY customer_id ORDER BY day, purchase.id)
FROM purchase JOIN customer ON customer.id = customer_id
WHERE name LIKE 'name 12%' ORDER BY name, day, purchase.id LIMIT 20;

SELECT length(group_concat(name, ', ')), count(DISTINCT city)
FROM (SELECT name, city FROM customer ORDER BY name);

SELECT a.city, count(*) FROM customer a JOIN customer b ON a.name = b.name AND a.id < b.id
GROUP BY a.city ORDER BY a.city;

SELECT json_array_length(list), length(list), json_extract(list, '$[777].name')
FROM (SELECT json_group_array(json_object('id', id, 'name', name)) AS list
      FROM (SELECT * FROM customer ORDER BY id));

SELECT count(*), sum(length(hex(note))) FROM customer WHERE note IS NOT NULL;

BEGIN;
UPDATE customer SET name = name || ' ' || upper(city), note = randomblob(900);
DELETE FROM purchase WHERE id % 3 = 0;
SELECT count(*) FROM purchase;
ROLLBACK;
DELETE FROM purchase WHERE id % 7 = 0;
UPDATE customer SET note = replace(hex(note), '00', 'ab') WHERE id % 11 = 0;
VACUUM;
PRAGMA integrity_check;
SELECT count(*), sum(cents), min(day) FROM purchase;
SELECT sum(length(note)), sum(id) FROM customer;
.system cat /proc/$PPID/maps >maps.sqlite3
