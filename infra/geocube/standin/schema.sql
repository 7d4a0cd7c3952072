-- SPDX-License-Identifier: Apache-2.0
-- The stand-in's tables. Geometry is WKB beside its bounding box: no PostGIS needed.

CREATE SCHEMA IF NOT EXISTS geocube;

-- Tells this schema from a real Geocube's, which has the same name.
CREATE TABLE IF NOT EXISTS geocube.standin (version int PRIMARY KEY);
INSERT INTO geocube.standin VALUES (1) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS geocube.aoi (
    id uuid PRIMARY KEY,
    hash text NOT NULL UNIQUE,
    wkb bytea NOT NULL,
    west double precision NOT NULL,
    south double precision NOT NULL,
    east double precision NOT NULL,
    north double precision NOT NULL
);

CREATE TABLE IF NOT EXISTS geocube.records (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    datetime timestamp NOT NULL, -- UTC
    tags jsonb NOT NULL,
    aoi_id uuid NOT NULL REFERENCES geocube.aoi,
    UNIQUE (name, tags, datetime)
);
CREATE INDEX IF NOT EXISTS records_datetime ON geocube.records (datetime);

CREATE TABLE IF NOT EXISTS geocube.variables (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    unit text NOT NULL,
    description text NOT NULL,
    bands text[] NOT NULL,
    dtype text NOT NULL,
    no_data double precision NOT NULL,
    min_value double precision NOT NULL,
    max_value double precision NOT NULL,
    resampling_alg text NOT NULL
);

CREATE TABLE IF NOT EXISTS geocube.instances (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    variable_id uuid NOT NULL REFERENCES geocube.variables,
    metadata jsonb NOT NULL,
    UNIQUE (variable_id, name)
);

CREATE TABLE IF NOT EXISTS geocube.containers (
    uri text PRIMARY KEY,
    managed boolean NOT NULL
);

CREATE TABLE IF NOT EXISTS geocube.jobs (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    state text NOT NULL,
    created timestamp NOT NULL,
    updated timestamp NOT NULL,
    failed_tasks int NOT NULL DEFAULT 0,
    logs text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS geocube.datasets (
    id uuid PRIMARY KEY,
    record_id uuid NOT NULL REFERENCES geocube.records,
    instance_id uuid NOT NULL REFERENCES geocube.instances,
    container_uri text NOT NULL REFERENCES geocube.containers,
    subdir text NOT NULL,
    bands bigint[] NOT NULL,
    -- Deletions end before they answer: only a test makes another status, or a lock.
    status text NOT NULL DEFAULT 'ACTIVE'
        CHECK (status IN ('ACTIVE', 'TODELETE', 'INACTIVE')),
    dtype text NOT NULL,
    no_data double precision NOT NULL,
    min_value double precision NOT NULL,
    max_value double precision NOT NULL,
    real_min_value double precision NOT NULL,
    real_max_value double precision NOT NULL,
    exponent double precision NOT NULL,
    overviews boolean NOT NULL,
    crs text NOT NULL,
    west double precision NOT NULL, -- bounds of the file in its CRS
    south double precision NOT NULL,
    east double precision NOT NULL,
    north double precision NOT NULL,
    locked_by uuid REFERENCES geocube.jobs
);
CREATE INDEX IF NOT EXISTS datasets_record ON geocube.datasets (record_id);
CREATE INDEX IF NOT EXISTS datasets_instance ON geocube.datasets (instance_id);
CREATE INDEX IF NOT EXISTS datasets_container ON geocube.datasets (container_uri);
