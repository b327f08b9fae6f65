-- What the host said when it last appeared: capabilities and usage. Shown while it is down, also by a
-- controller that never heard of it. Null until a host that was seen before this column appears again.
ALTER TABLE compute_service ADD COLUMN last_report JSONB;
