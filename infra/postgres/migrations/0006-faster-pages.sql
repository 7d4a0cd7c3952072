-- What the operator's page asks of an area with tens of thousands of tasks, without
-- reading their rows.

-- Also when tasks began and ended: how fast an area goes on is read from here alone.
drop index task_by_area;
create index task_by_area on task (area, kind, status, started_at, ended_at);

create index task_failed on task (area) where failure <> '';
