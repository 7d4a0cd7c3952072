-- name: lock_positions
-- Where to go on, by partition; nobody else projects these until the transaction ends.
select partition, next_offset from position where partition = any(%s) for update

-- name: begin_partition
-- A partition that was never projected.
insert into position (partition, next_offset) values (%s, 0) on conflict do nothing

-- name: move_position
update position set next_offset = %s where partition = %s

-- name: generation
-- Another number once the tables were replaced by a rebuild.
select to_regclass('position')::oid::bigint

-- name: grants
-- What was granted to others than the owner: on the schema (no table), on its tables.
-- Everybody's role has the number 0.
select null as relname, acl.privilege_type, coalesce(rolname, 'public')
from pg_namespace, aclexplode(nspacl) as acl
left join pg_roles on pg_roles.oid = acl.grantee
where nspname = %(schema)s and acl.grantee <> nspowner
union all
select relname, acl.privilege_type, coalesce(rolname, 'public')
from pg_class, aclexplode(relacl) as acl
left join pg_roles on pg_roles.oid = acl.grantee
where
    relnamespace = to_regnamespace(%(schema)s) and relkind in ('r', 'v')
    and acl.grantee <> relowner

-- name: find_rows
select key, value from dependency where key = any(%s)

-- name: borne_records
-- As `json`: `jsonb` takes no text with a NUL in it, wherever it stands.
select distinct value::json -> 'scene' ->> 'record' from dependency
where split_part(key, '/', 2) <> '' and split_part(key, '/', 3) = ''
and value::json -> 'scene' ->> 'record' = any(%s)

-- name: save_row
-- This and the next take rows as a JSON array of objects by column: one statement for
-- all. A value of `json`, not `jsonb`, becomes text byte for byte as it was.
insert into dependency
select * from json_populate_recordset(null::dependency, %s::json)
on conflict (key) do update set value = excluded.value

-- name: save_area
insert into area
select * from json_populate_recordset(null::area, %s::json)
on conflict (name) do update set
    state = excluded.state, ingestions = excluded.ingestions,
    open_ingestions = excluded.open_ingestions, ended = excluded.ended,
    downloads = excluded.downloads, processes = excluded.processes,
    limits = excluded.limits

-- name: save_ingestion
insert into ingestion
select * from json_populate_recordset(null::ingestion, %s::json)
on conflict (area, id) do update set listed = excluded.listed

-- name: save_task
insert into task
select * from json_populate_recordset(null::task, %s::json)
on conflict (id) do update set
    status = excluded.status, attempt = excluded.attempt,
    countdown = excluded.countdown, setbacks = excluded.setbacks,
    worker = excluded.worker, failure = excluded.failure, message = excluded.message,
    started_at = excluded.started_at, ended_at = excluded.ended_at,
    not_before = excluded.not_before, previous = excluded.previous,
    reference = excluded.reference

-- name: save_layer
insert into layer
select * from json_populate_recordset(null::layer, %s::json)
on conflict (uri) do nothing

-- name: delete_layer
update layer set deleted_at = gone.deleted_at
from json_populate_recordset(null::layer, %s::json) as gone
where layer.uri = gone.uri and layer.deleted_at is null

-- name: save_refusal
insert into refusal
select * from json_populate_recordset(null::refusal, %s::json)
on conflict (area, ingestion) do update set
    problems = excluded.problems, at = excluded.at

-- name: save_attempt
insert into attempt
select * from json_populate_recordset(null::attempt, %s::json)
on conflict (task, attempt) do update set
    worker = coalesce(nullif(excluded.worker, ''), attempt.worker),
    provider = coalesce(nullif(excluded.provider, ''), attempt.provider),
    ordered_at = coalesce(attempt.ordered_at, excluded.ordered_at),
    started_at = coalesce(excluded.started_at, attempt.started_at),
    ended_at = coalesce(excluded.ended_at, attempt.ended_at),
    duration_s = coalesce(excluded.duration_s, attempt.duration_s),
    outcome = excluded.outcome, failure = excluded.failure, message = excluded.message,
    trials = excluded.trials, log = coalesce(nullif(excluded.log, ''), attempt.log)

-- name: save_void_report
-- A report that does not count changes only an attempt that is void itself.
insert into attempt
select * from json_populate_recordset(null::attempt, %s::json)
on conflict (task, attempt) do update set
    worker = coalesce(nullif(excluded.worker, ''), attempt.worker),
    provider = coalesce(nullif(excluded.provider, ''), attempt.provider),
    ordered_at = coalesce(attempt.ordered_at, excluded.ordered_at),
    started_at = coalesce(excluded.started_at, attempt.started_at),
    ended_at = coalesce(excluded.ended_at, attempt.ended_at),
    duration_s = coalesce(excluded.duration_s, attempt.duration_s),
    outcome = excluded.outcome, failure = excluded.failure, message = excluded.message,
    trials = excluded.trials, log = coalesce(nullif(excluded.log, ''), attempt.log)
where attempt.outcome = 'void'

-- name: save_wish
-- The first telling counts: a wish that was granted is none of the second one's.
insert into wish
select * from json_populate_recordset(null::wish, %s::json)
on conflict (id) do nothing

-- name: task_attempts
select * from attempt where task = %s order by attempt

-- name: task_wishes
-- What was asked of a task, and of its area.
select * from wish
where area = %(area)s and task in ('', %(task)s)
order by at, id

-- name: find_area
select * from area where name = %s

-- name: area_refusals
select ingestion, problems, at from refusal where area = %s order by at desc limit 10

-- name: area_failures
-- Tasks that failed or need an operator, by class.
select kind, status, failure, count(*) as tasks, max(message) as example
from task
where area = %s and failure <> ''
group by kind, status, failure
order by tasks desc

-- name: find_task
select * from task where id = %s

-- name: last_logs
-- What the steps said in the newest attempt that kept it, of each task.
select distinct on (task) task, log from attempt
where task = any(%s) and log <> ''
order by task, attempt desc

-- name: layers_of_tile
-- Layers of a tile that are there, of any attempt, by name of the file.
select uri, size_bytes, sha256 from layer
where
    area = %(area)s and tile = %(tile)s and task = any(%(tasks)s)
    and deleted_at is null and right(uri, length(%(ending)s)) = %(ending)s

-- name: task_layers
select * from layer where task = %s order by uri

-- name: task_pictures
-- Of the layers of a task that are there, those that a person can look at.
select uri, extension, size_bytes, sha256 from layer
where
    task = %(task)s and extension = any(%(extensions)s) and deleted_at is null
    and (%(uri)s = '' or uri = %(uri)s)

-- name: attempt_log
select log from attempt where task = %s and attempt = %s and log <> ''

-- name: all_rows
select key, value from dependency order by key collate "C"

-- name: positions
select partition, next_offset from position order by partition

-- name: audit_dependency
-- An area's rows of the dependency table: the characters after its name are no name's.
select key, value from dependency
where key = %(area)s or left(key, length(%(area)s) + 1) = any(
    array[%(area)s || '/', %(area)s || '!', %(area)s || '@']
)

-- name: audit_area
select * from area where name = %(area)s

-- name: audit_ingestion
select * from ingestion where area = %(area)s

-- name: audit_task
select * from task where area = %(area)s

-- name: audit_layer
select * from layer where area = %(area)s

-- name: audit_attempt
select * from attempt where area = %(area)s

-- name: audit_wish
select * from wish where area = %(area)s

-- name: stac_areas
-- Areas with indexed layers, and the interval of their acquisitions.
select
    layer.area, min(task.acquired_at) as begins_at, max(task.acquired_at) as ends_at
from layer
join task on task.id = layer.task
where layer.action = 'DESCRIBE'
group by layer.area
order by layer.area

-- name: stac_items
select uri from layer
where area = %(area)s and action = 'DESCRIBE' and uri > %(after)s
order by uri
limit %(limit)s

-- name: stac_item
select uri from layer where area = %s and name = %s and action = 'DESCRIBE'

-- name: stac_search
-- A page of indexed tiles in an interval of acquisition; empty lists: any.
select layer.uri, layer.area
from layer
join task on task.id = layer.task
where
    layer.action = 'DESCRIBE' and layer.uri > %(after)s
    and (%(areas)s::text[] = '{}' or layer.area = any(%(areas)s))
    and (%(ids)s::text[] = '{}' or layer.name = any(%(ids)s))
    and task.acquired_at between %(start)s and %(end)s
order by layer.uri
limit %(limit)s

-- name: reference_areas
-- What the gateway asks for the routes of the Go ingester, this and the next four. An
-- area that was cancelled is deleted there.
select * from area
where
    state <> 'cancelled'
    and case when %(any_case)s then name ilike %(like)s else name like %(like)s end
order by name collate "C"

-- name: reference_tasks
select task.id, task.number, dependency.value, ingestion.settings
from task
join dependency on dependency.key = task.id
join ingestion on ingestion.area = task.area and ingestion.id = task.ingestion
where
    task.area = any(%(areas)s) and task.kind = %(kind)s
    and (%(status)s = '' or task.status = %(status)s)
order by task.id collate "C"
limit %(limit)s offset %(offset)s

-- name: reference_task
select task.id, task.number, dependency.value, ingestion.settings
from task
join dependency on dependency.key = task.id
join ingestion on ingestion.area = task.area and ingestion.id = task.ingestion
where task.number = %(number)s and task.kind = %(kind)s
order by task.id

-- name: reference_tasks_of
select task.id, task.number, dependency.value, ingestion.settings
from task
join dependency on dependency.key = task.id
join ingestion on ingestion.area = task.area and ingestion.id = task.ingestion
where task.id = any(%(ids)s)
order by task.id collate "C"

-- name: reference_nodes
-- Every task of an area, without what it holds.
select id, number, kind, scene, tile, cell, acquired_at, status, previous, reference
from task
where area = %s
order by id collate "C"

-- name: task_numbers
select id, number from task where id = any(%s)

-- name: wish_outcomes
select id, task, refusal from wish where id = any(%s)

-- name: find_ingestion
select * from ingestion where area = %(area)s and id = %(id)s

-- name: page_areas
select * from area
where name > %(after)s and name like %(like)s
order by name
limit %(limit)s

-- name: count_areas
select count(*) as total from area where name like %(like)s

-- name: page_tasks
-- A page of an area's tasks, in order of id, after a given one.
select * from task
where
    area = %(area)s and id > %(after)s
    and (%(statuses)s::text[] = '{}' or status = any(%(statuses)s))
    and (%(kind)s = '' or kind = %(kind)s)
    and (%(cause)s = '' or failure = %(cause)s)
    and (%(like)s = '' or scene like %(like)s or id like %(like)s)
    and (
        %(text)s = ''
        -- Less work than "ilike" or "like".
        or strpos(lower(id), lower(%(text)s)) > 0
        or message <> '' and strpos(lower(message), lower(%(text)s)) > 0
    )
order by id
limit %(limit)s

-- name: count_tasks
select count(*) as total from task
where
    area = %(area)s
    and (%(statuses)s::text[] = '{}' or status = any(%(statuses)s))
    and (%(kind)s = '' or kind = %(kind)s)
    and (%(cause)s = '' or failure = %(cause)s)
    and (%(like)s = '' or scene like %(like)s or id like %(like)s)
    and (
        %(text)s = ''
        -- Less work than "ilike" or "like".
        or strpos(lower(id), lower(%(text)s)) > 0
        or message <> '' and strpos(lower(message), lower(%(text)s)) > 0
    )

-- name: search_product
-- Tasks of a product in every area.
select * from task
where scene like %(like)s and id > %(after)s
order by id
limit %(limit)s

-- name: count_product
select count(*) as total from task where scene like %(like)s

-- name: area_pace
-- How many tasks ended lately, and between which instants.
select
    now() as now,
    count(*) filter (where ended_at > now() - interval '10 minutes') as ended_lately,
    min(started_at) as first_started_at,
    max(ended_at) as last_ended_at,
    count(*) filter (where ended_at is not null) as ended,
    count(*) filter (where status = 'pending' and started_at is not null) as running
from task
where area = %s

-- name: oldest_pending
-- The task that is busy, or waits for a worker, since longest.
select id, kind, attempt, worker, started_at from task
where area = %s and status = 'pending'
order by started_at nulls last, acquired_at, id
limit 1

-- name: page_cells
select cell, count(*) as tiles from task
where area = %(area)s and cell > %(after)s
group by cell
order by cell
limit %(limit)s

-- name: count_cells
select count(distinct cell) as total from task where area = %s and cell <> ''

-- name: chain_tiles
select
    id, number, scene, tile, cell, acquired_at, status, attempt, worker, failure,
    message, started_at, ended_at, previous, reference
from task
where area = %(area)s and cell = any(%(cells)s)
order by cell, acquired_at, id

-- name: beside_in_chain
-- The tiles before and after one of a place, in order of acquisition.
(
    select
        'before' as side, id, number, scene, tile, cell, acquired_at, status, attempt,
        worker, failure, message, started_at, ended_at, previous, reference
    from task
    where
        area = %(area)s and cell = %(cell)s and cell <> ''
        and (acquired_at, id) < (%(acquired_at)s, %(id)s)
    order by acquired_at desc, id desc
    limit 1
)
union all
(
    select
        'after' as side, id, number, scene, tile, cell, acquired_at, status, attempt,
        worker, failure, message, started_at, ended_at, previous, reference
    from task
    where
        area = %(area)s and cell = %(cell)s and cell <> ''
        and (acquired_at, id) > (%(acquired_at)s, %(id)s)
    order by acquired_at, id
    limit 1
)

-- name: save_outline
insert into outline
select * from json_populate_recordset(null::outline, %s::json)
on conflict (area, ingestion) do nothing

-- name: area_outlines
select
    outline.ingestion, geometry, start_time, end_time, by, at, settings
from outline
join ingestion on ingestion.area = outline.area and ingestion.id = outline.ingestion
where outline.area = %s
order by at, ingestion

-- name: unknown_outlines
-- Requests that were accepted before the read model had outlines.
select count(*) as requests from ingestion
where
    area = %(area)s
    and not exists (
        select 1 from outline
        where outline.area = ingestion.area and outline.ingestion = ingestion.id
    )

-- name: sketch_grid
-- Tiles in chains, in order of cell and date, after a given one.
select
    id, cell, status, attempt, previous, reference,
    extract(epoch from acquired_at)::bigint as acquired
from task
where
    area = %(area)s and cell <> ''
    and (
        %(after)s = ''
        or (cell, acquired_at, id)
        > (select cell, acquired_at, id from task where id = %(after)s)
    )
order by cell, acquired_at, id
limit %(limit)s

-- name: sketch_footprints
-- A tile without a footprint of its own has that of its scene. Looked up one by one, and
-- the scene only when it is needed. The first one in a row is its tile's or scene's own:
-- no text holds that key unescaped, and to read rows as JSON was most of the time.
select
    id, status, extract(epoch from acquired_at)::bigint as acquired,
    coalesce(
        nullif((
            select split_part(split_part(value, '"footprint":"', 2), '"', 1)
            from dependency where key = page.id
        ), ''),
        (
            select split_part(split_part(value, '"footprint":"', 2), '"', 1)
            from dependency where key = page.area || '/' || page.scene
        ),
        ''
    ) as footprint
from (
    select id, area, scene, status, acquired_at from task
    where area = %(area)s and kind = %(kind)s and id > %(after)s
    order by id
    limit %(limit)s
) as page
order by id

-- name: refused_areas
-- Names for which nothing but refusals is known, the newest first.
select distinct on (refusal.area) refusal.area, ingestion, problems, at from refusal
left join area on area.name = refusal.area
where area.name is null
order by refusal.area, at desc
limit 100

-- name: running_tasks
-- What workers are busy with, the longest first.
select id, area, kind, attempt, worker, started_at from task
where status = 'pending' and started_at is not null
order by started_at, id
limit %(limit)s

-- name: waiting_orders
-- Ordered, and begun by nobody.
select area, kind, count(*) as tasks from task
where status = 'pending' and started_at is null
group by area, kind
order by tasks desc, area, kind
limit 100

-- name: provider_rates
-- How providers did lately: every try of theirs.
select
    trial ->> 'provider' as provider,
    count(*) as tries,
    count(*) filter (where trial ->> 'failure' is null) as delivered,
    coalesce(sum((trial ->> 'size_bytes')::bigint), 0)::bigint as size_bytes,
    coalesce(sum((trial ->> 'duration_s')::float), 0) as duration_s,
    max(ended_at) as last_at
from attempt, jsonb_array_elements(trials) as trial
where kind = 'DOWNLOAD' and ended_at > now() - interval '1 day'
group by trial ->> 'provider'
order by tries desc, provider
