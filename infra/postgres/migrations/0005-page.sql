-- What the operator's page asks for.

-- What each request asked for. A read model older than this table has the requests that
-- follow the upgrade; `ingester rebuild projector` fills in those before.
create table outline (
    area text not null,
    ingestion text not null,
    geometry text not null,
    start_time timestamptz not null,
    end_time timestamptz not null,
    by text not null,
    at timestamptz not null,
    primary key (area, ingestion)
);

-- Pages of an area's tasks, without those of the areas before it.
create index task_by_area_id on task (area, id);

create index task_ordered on task (started_at, id) where status = 'pending';
create index attempt_by_end on attempt (ended_at) where kind = 'DOWNLOAD';
