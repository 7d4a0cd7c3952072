-- SPDX-License-Identifier: Apache-2.0
-- Statements of the stand-in, each under its name (`-- name:`), read by database.py.

-- name: lock_schema
SELECT pg_advisory_xact_lock(hashtextextended('geocube standin schema', 0));

-- name: foreign_schema
-- A row when a schema `geocube` is there that is not ours.
SELECT WHERE to_regnamespace('geocube') IS NOT NULL
         AND to_regclass('geocube.standin') IS NULL;

-- name: create_aoi
INSERT INTO geocube.aoi (id, hash, wkb, west, south, east, north)
VALUES (%(id)s, %(hash)s, %(wkb)s, %(west)s, %(south)s, %(east)s, %(north)s)
ON CONFLICT (hash) DO NOTHING
RETURNING id;

-- name: aoi_of_hash
SELECT id FROM geocube.aoi WHERE hash = %(hash)s;

-- name: aoi
SELECT wkb FROM geocube.aoi WHERE id = %(id)s::uuid;

-- name: known_aois
SELECT id FROM geocube.aoi WHERE id = ANY(%(ids)s::uuid[]);

-- name: create_records
INSERT INTO geocube.records (id, name, datetime, tags, aoi_id)
SELECT * FROM unnest(
    %(ids)s::uuid[], %(names)s::text[], %(times)s::timestamp[],
    %(tags)s::jsonb[], %(aois)s::uuid[]
)
ON CONFLICT (name, tags, datetime) DO NOTHING
RETURNING id;

-- name: records
SELECT id, name, datetime, tags, aoi_id
FROM geocube.records WHERE id = ANY(%(ids)s::uuid[]);

-- name: list_records
SELECT r.id, r.name, r.datetime, r.tags, r.aoi_id, a.wkb
FROM geocube.records r JOIN geocube.aoi a ON a.id = r.aoi_id
WHERE (%(name)s::text IS NULL
       OR CASE %(name_how)s::text
          WHEN 'LIKE' THEN r.name LIKE %(name)s
          WHEN 'ILIKE' THEN r.name ILIKE %(name)s
          ELSE r.name = %(name)s END)
  AND (%(from_time)s::timestamp IS NULL OR r.datetime >= %(from_time)s)
  AND (%(to_time)s::timestamp IS NULL OR r.datetime <= %(to_time)s)
  AND (%(west)s::double precision IS NULL
       OR (a.west <= %(east)s AND a.east >= %(west)s
           AND a.south <= %(north)s AND a.north >= %(south)s))
  AND NOT EXISTS (
      SELECT FROM unnest(
          %(tag_keys)s::text[], %(tag_hows)s::text[], %(tag_values)s::text[]
      ) AS wanted (key, how, value)
      WHERE NOT coalesce(
          CASE wanted.how
          WHEN 'EXISTS' THEN r.tags ? wanted.key
          WHEN 'LIKE' THEN r.tags ->> wanted.key LIKE wanted.value
          WHEN 'ILIKE' THEN r.tags ->> wanted.key ILIKE wanted.value
          ELSE r.tags ->> wanted.key = wanted.value END,
          false))
ORDER BY r.datetime, r.id
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;

-- name: add_tags
UPDATE geocube.records SET tags = tags || %(tags)s::jsonb
WHERE id = ANY(%(ids)s::uuid[]);

-- name: remove_tags
UPDATE geocube.records SET tags = tags - %(keys)s::text[]
WHERE id = ANY(%(ids)s::uuid[]);

-- name: lock_records
-- Nobody hangs a dataset on them until we have looked.
SELECT id FROM geocube.records WHERE id = ANY(%(ids)s::uuid[])
ORDER BY id FOR UPDATE;

-- name: used_records
SELECT record_id FROM geocube.datasets WHERE record_id = ANY(%(ids)s::uuid[])
ORDER BY record_id;

-- name: delete_unused_records
DELETE FROM geocube.records r
WHERE id = ANY(%(ids)s::uuid[])
  AND NOT EXISTS (SELECT FROM geocube.datasets d WHERE d.record_id = r.id);

-- name: create_variable
INSERT INTO geocube.variables (
    id, name, unit, description, bands, dtype, no_data, min_value, max_value,
    resampling_alg)
VALUES (
    %(id)s, %(name)s, %(unit)s, %(description)s, %(bands)s, %(dtype)s, %(no_data)s,
    %(min_value)s, %(max_value)s, %(resampling_alg)s)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: variable_of_id
SELECT * FROM geocube.variables WHERE id = %(key)s::uuid;

-- name: variable_of_name
SELECT * FROM geocube.variables WHERE name = %(key)s;

-- name: variable_of_instance
SELECT v.* FROM geocube.variables v
JOIN geocube.instances i ON i.variable_id = v.id
WHERE i.id = %(key)s::uuid;

-- name: list_variables
SELECT * FROM geocube.variables
WHERE %(name)s::text IS NULL
   OR CASE %(name_how)s::text
      WHEN 'LIKE' THEN name LIKE %(name)s
      WHEN 'ILIKE' THEN name ILIKE %(name)s
      ELSE name = %(name)s END
ORDER BY name
LIMIT %(limit)s::bigint OFFSET %(offset)s::bigint;

-- name: instances
SELECT id, name, metadata FROM geocube.instances
WHERE variable_id = %(variable_id)s
  AND (%(instance_id)s::uuid IS NULL OR id = %(instance_id)s::uuid)
ORDER BY name;

-- name: create_instance
INSERT INTO geocube.instances (id, name, variable_id, metadata)
VALUES (%(id)s, %(name)s, %(variable_id)s, %(metadata)s)
ON CONFLICT (variable_id, name) DO NOTHING
RETURNING id;

-- name: lock_container
-- One at a time per URI: this is what keeps datasets free of doubles.
SELECT pg_advisory_xact_lock(hashtextextended(%(uri)s, 1));

-- name: create_container
INSERT INTO geocube.containers (uri, managed) VALUES (%(uri)s, %(managed)s)
ON CONFLICT (uri) DO NOTHING;

-- name: containers
SELECT uri, managed FROM geocube.containers WHERE uri = ANY(%(uris)s);

-- name: datasets_of_containers
SELECT * FROM geocube.datasets WHERE container_uri = ANY(%(uris)s)
ORDER BY container_uri, subdir, bands;

-- name: keep_record
-- The record, which cannot be deleted before this transaction has ended.
SELECT id FROM geocube.records WHERE id = %(id)s::uuid FOR KEY SHARE;

-- name: create_dataset
INSERT INTO geocube.datasets (
    id, record_id, instance_id, container_uri, subdir, bands, dtype, no_data,
    min_value, max_value, real_min_value, real_max_value, exponent, overviews,
    crs, west, south, east, north)
VALUES (
    %(id)s, %(record_id)s, %(instance_id)s, %(container_uri)s, %(subdir)s, %(bands)s,
    %(dtype)s, %(no_data)s, %(min_value)s, %(max_value)s, %(real_min_value)s,
    %(real_max_value)s, %(exponent)s, %(overviews)s, %(crs)s, %(west)s, %(south)s,
    %(east)s, %(north)s);

-- name: list_datasets
SELECT d.*, r.name, r.datetime, r.tags, r.aoi_id
FROM geocube.datasets d JOIN geocube.records r ON r.id = d.record_id
WHERE d.status = 'ACTIVE'
  AND d.instance_id = %(instance_id)s::uuid
  AND (%(record_ids)s::uuid[] = '{}' OR d.record_id = ANY(%(record_ids)s::uuid[]))
  AND (%(from_time)s::timestamp IS NULL OR r.datetime >= %(from_time)s)
  AND (%(to_time)s::timestamp IS NULL OR r.datetime <= %(to_time)s)
  AND NOT EXISTS (
      SELECT FROM unnest(
          %(tag_keys)s::text[], %(tag_hows)s::text[], %(tag_values)s::text[]
      ) AS wanted (key, how, value)
      WHERE NOT coalesce(
          CASE wanted.how
          WHEN 'EXISTS' THEN r.tags ? wanted.key
          WHEN 'LIKE' THEN r.tags ->> wanted.key LIKE wanted.value
          WHEN 'ILIKE' THEN r.tags ->> wanted.key ILIKE wanted.value
          ELSE r.tags ->> wanted.key = wanted.value END,
          false))
ORDER BY r.datetime, r.id, d.container_uri, d.subdir, d.bands;

-- name: datasets_to_delete
SELECT d.id, d.container_uri, d.locked_by FROM geocube.datasets d
WHERE d.status = 'ACTIVE'
  AND (%(record_ids)s::uuid[] = '{}' OR d.record_id = ANY(%(record_ids)s::uuid[]))
  AND (%(instance_ids)s::uuid[] = '{}'
       OR d.instance_id = ANY(%(instance_ids)s::uuid[]))
  AND (%(hows)s::text[] = '{}' OR EXISTS (
      SELECT FROM unnest(%(hows)s::text[], %(patterns)s::text[]) AS p (how, pattern)
      WHERE CASE p.how
            WHEN 'LIKE' THEN d.container_uri LIKE p.pattern
            WHEN 'ILIKE' THEN d.container_uri ILIKE p.pattern
            ELSE d.container_uri = p.pattern END))
ORDER BY d.id
FOR UPDATE;

-- name: delete_datasets
DELETE FROM geocube.datasets WHERE id = ANY(%(ids)s);

-- name: delete_empty_containers
DELETE FROM geocube.containers c
WHERE uri = ANY(%(uris)s)
  AND NOT EXISTS (SELECT FROM geocube.datasets d WHERE d.container_uri = c.uri)
RETURNING uri, managed;

-- name: create_job
INSERT INTO geocube.jobs (id, name, state, created, updated, logs)
VALUES (%(id)s, %(name)s, %(state)s, %(now)s, %(now)s, %(logs)s)
ON CONFLICT (name) DO NOTHING
RETURNING id;

-- name: end_job
UPDATE geocube.jobs
SET state = %(state)s, updated = %(now)s, failed_tasks = %(failed)s,
    logs = logs || %(logs)s::text[]
WHERE id = %(id)s;

-- name: job
SELECT * FROM geocube.jobs WHERE id = %(id)s::uuid;
