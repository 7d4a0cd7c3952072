-- The read model: a projection of the task log, rebuilt from it at any time.

-- How far the projection came, by partition of the log. Locked by whoever projects.
create table position (
    partition integer primary key,
    next_offset bigint not null
);

-- The dependency table, row for row as the fold keeps it: what audits compare.
create table dependency (
    key text primary key,
    value text not null
);

create table area (
    name text primary key,
    state text not null,
    ingestions integer not null,
    open_ingestions integer not null,
    ended boolean not null,
    downloads jsonb not null,
    processes jsonb not null
);

create table task (
    id text primary key,
    area text not null,
    kind text not null,
    scene text not null,
    tile text not null default '',
    cell text not null default '',
    acquired_at timestamptz not null,
    status text not null,
    attempt integer not null,
    countdown integer not null,
    setbacks integer not null,
    worker text not null,
    failure text not null default '',
    message text not null,
    started_at timestamptz,
    ended_at timestamptz,
    not_before timestamptz,
    previous text not null default '',
    reference text not null default '',
    ingestion text not null
);
create index task_by_area on task (area, kind, status);
create index task_by_cell on task (area, cell, acquired_at) where cell <> '';

-- Objects that a fact lists: a layer exists if and only if it is here.
create table layer (
    uri text primary key,
    task text not null,
    area text not null,
    tile text not null,
    name text not null,
    extension text not null,
    action text not null,
    size_bytes bigint not null,
    sha256 text not null
);
create index layer_by_task on layer (task);
create index layer_by_area on layer (area, action);

create table ingestion (
    area text not null,
    id text not null,
    listed boolean not null,
    settings jsonb not null,
    primary key (area, id)
);

-- What the catalogue said of requests that it could not serve, newest last.
create table refusal (
    area text not null,
    ingestion text not null,
    problems jsonb not null,
    at timestamptz not null,
    primary key (area, ingestion)
);
