-- A task's life, what operators asked of it, and a number for it.

-- One row for each attempt. A read model older than this table has the attempts that
-- follow the upgrade; `ingester rebuild projector` fills in those before.
create table attempt (
    task text not null,
    attempt integer not null,
    area text not null,
    kind text not null,
    worker text not null default '',
    provider text not null default '',
    ordered_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    duration_s double precision,
    outcome text not null default 'running', -- running, done, failed, expired, void
    failure text not null default '',
    message text not null default '',
    trials jsonb not null default '[]',
    primary key (task, attempt)
);
create index attempt_by_area on attempt (area, ended_at);

-- What operators asked, granted or refused.
create table wish (
    id text primary key,
    area text not null,
    task text not null default '',
    wish text not null,
    by text not null,
    why text not null,
    at timestamptz not null,
    refusal text not null default ''
);
create index wish_by_task on wish (area, task, at);

-- How many tasks may be ordered at once.
alter table area add column limits jsonb not null default '{}';

-- For clients that know tasks by number: the first 52 bits of the id's SHA-256, which
-- JSON carries without loss. Not unique by law: two of a million tasks meet once in
-- 10,000 read models, and a projection must not stop for it.
alter table task add column number bigint;
update task set number =
    ('x' || substr(encode(sha256(convert_to(id, 'UTF8')), 'hex'), 1, 13))::bit(52)::bigint;
alter table task alter column number set not null;
create index task_by_number on task (number);
