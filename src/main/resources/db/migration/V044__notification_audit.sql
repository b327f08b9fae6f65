-- How far the audit of instance usage (compute.instance.exists) has come. One row, made when audits are
-- switched on; how far the journal was told stands in projection_offset, under the name 'notifications'.
CREATE TABLE notification_audit (
  only_row   BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
  -- the period that is being told, or was told last, ended then
  period_end TIMESTAMPTZ NOT NULL,
  -- the instances up to this one are told; all zeros = none yet
  told_up_to UUID        NOT NULL,
  done       BOOLEAN     NOT NULL
);
