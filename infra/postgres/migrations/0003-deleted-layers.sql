-- When the janitor deleted a layer: it is not there any more, and was once.
alter table layer add column deleted_at timestamptz;
