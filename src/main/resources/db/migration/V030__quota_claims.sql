-- The number in a domain's name (instance-%08x). Never reused; gaps are fine.
CREATE SEQUENCE instance_number AS INTEGER;

-- What a project has in use: always the sum of its claims. One row for a project, not one for each
-- resource, so that there is one lock to take and no order of locks to keep. The free space in the
-- pages lets the many updates of few rows stay in place (HOT).
CREATE TABLE quota_usage (
  project_id TEXT PRIMARY KEY,
  instances  INTEGER NOT NULL DEFAULT 0 CHECK (instances >= 0),
  cores      INTEGER NOT NULL DEFAULT 0 CHECK (cores >= 0),
  ram_mb     BIGINT  NOT NULL DEFAULT 0 CHECK (ram_mb >= 0)
) WITH (fillfactor = 50);

-- One row for each instance that counts. Its key is what makes counting and releasing happen once.
CREATE TABLE quota_claim (
  instance_uuid UUID PRIMARY KEY,
  project_id    TEXT        NOT NULL,
  number        INTEGER     NOT NULL DEFAULT nextval('instance_number'),
  cores         INTEGER     NOT NULL CHECK (cores >= 0),
  ram_mb        BIGINT      NOT NULL CHECK (ram_mb >= 0),
  created_at    TIMESTAMPTZ NOT NULL,
  -- the entity refuses a request that is older, so a claim may lapse some time after
  valid_until   TIMESTAMPTZ NOT NULL,
  -- the instance is known to exist: does not lapse
  confirmed     BOOLEAN     NOT NULL DEFAULT FALSE
);
CREATE INDEX quota_claim_project_idx ON quota_claim (project_id);
CREATE INDEX quota_claim_unconfirmed_idx ON quota_claim (valid_until) WHERE NOT confirmed;
