-- What a fact tells of its layers beside their bytes, and where a log is. A read model
-- older than this has them of the facts that follow the upgrade; `ingester rebuild
-- projector` fills in those before.

-- WKT of the valid pixels, and statistics of each band; empty: no raster.
alter table layer add column footprint text not null default '';
alter table layer add column bands jsonb not null default '[]';

-- URI of what the steps said.
alter table attempt add column log text not null default '';
