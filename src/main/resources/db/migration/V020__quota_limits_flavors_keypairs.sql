-- Limits that administrators set for one project, and for all that have none (class 'default').
CREATE TABLE quota_limit (
  project_id TEXT    NOT NULL,
  resource   TEXT    NOT NULL,
  hard_limit INTEGER NOT NULL CHECK (hard_limit >= -1),
  PRIMARY KEY (project_id, resource)
);
CREATE TABLE quota_class (
  class_name TEXT    NOT NULL,
  resource   TEXT    NOT NULL,
  hard_limit INTEGER NOT NULL CHECK (hard_limit >= -1),
  PRIMARY KEY (class_name, resource)
);

CREATE TABLE flavor (
  id           TEXT PRIMARY KEY,
  name         TEXT             NOT NULL,
  description  TEXT,
  vcpus        INTEGER          NOT NULL,
  memory_mb    INTEGER          NOT NULL,
  root_gb      INTEGER          NOT NULL,
  ephemeral_gb INTEGER          NOT NULL,
  swap_mb      INTEGER          NOT NULL,
  rxtx_factor  DOUBLE PRECISION NOT NULL,
  is_public    BOOLEAN          NOT NULL,
  extra_specs  JSONB            NOT NULL DEFAULT '{}',
  created_at   TIMESTAMPTZ      NOT NULL,
  updated_at   TIMESTAMPTZ,
  CONSTRAINT flavor_name_key UNIQUE (name)
);
-- Who may use a flavor that is not public.
CREATE TABLE flavor_access (
  flavor_id  TEXT NOT NULL REFERENCES flavor ON DELETE CASCADE,
  project_id TEXT NOT NULL,
  PRIMARY KEY (flavor_id, project_id)
);
INSERT INTO flavor (id, name, vcpus, memory_mb, root_gb, ephemeral_gb, swap_mb, rxtx_factor, is_public, created_at)
VALUES ('1', 'm1.tiny',   1, 256,  1,  0, 0, 1.0, TRUE, now()),
       ('2', 'm1.small',  1, 512,  5,  0, 0, 1.0, TRUE, now()),
       ('3', 'm1.medium', 2, 2048, 20, 0, 0, 1.0, TRUE, now()),
       ('4', 'm1.large',  4, 4096, 40, 0, 0, 1.0, TRUE, now());

-- A user's key pairs; only the public halves. The number is what Nova shows as the id.
CREATE TABLE key_pair (
  user_id     TEXT        NOT NULL,
  name        TEXT        NOT NULL,
  number      INTEGER     NOT NULL GENERATED ALWAYS AS IDENTITY,
  type        TEXT        NOT NULL CHECK (type IN ('ssh', 'x509')),
  public_key  TEXT        NOT NULL,
  fingerprint TEXT        NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, name)
);
