-- Changes with each change of what the scheduler has to know of aggregates and services, in the same
-- transaction: a version stands for exactly one content, and writers wait for each other here.
CREATE TABLE placement_facts (
  singleton BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (singleton),
  version   BIGINT NOT NULL
);
INSERT INTO placement_facts (version) VALUES (1);

-- Each compute host that was ever seen, until an administrator deletes it.
CREATE TABLE compute_service (
  id              INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  uuid            UUID        NOT NULL UNIQUE,
  -- what os-hypervisors shows as the id
  node_uuid       UUID        NOT NULL UNIQUE,
  host            TEXT        NOT NULL UNIQUE,
  disabled        BOOLEAN     NOT NULL DEFAULT FALSE,
  disabled_reason TEXT,
  forced_down     BOOLEAN     NOT NULL DEFAULT FALSE,
  last_seen       TIMESTAMPTZ NOT NULL,
  version         INTEGER     NOT NULL DEFAULT 1
);

CREATE TABLE aggregate (
  id         INTEGER PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  uuid       UUID        NOT NULL UNIQUE,
  name       TEXT        NOT NULL,
  metadata   JSONB       NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ,
  CONSTRAINT aggregate_name_key UNIQUE (name)
);
CREATE TABLE aggregate_host (
  aggregate_id INTEGER NOT NULL REFERENCES aggregate ON DELETE CASCADE,
  host         TEXT    NOT NULL,
  PRIMARY KEY (aggregate_id, host)
);
CREATE INDEX aggregate_host_idx ON aggregate_host (host);

CREATE TABLE server_group (
  uuid                 UUID PRIMARY KEY,
  number               INTEGER     NOT NULL GENERATED ALWAYS AS IDENTITY,
  project_id           TEXT        NOT NULL,
  user_id              TEXT        NOT NULL,
  name                 TEXT        NOT NULL,
  policy               TEXT        NOT NULL,
  max_servers_per_host INTEGER,
  created_at           TIMESTAMPTZ NOT NULL
);
CREATE INDEX server_group_project_idx ON server_group (project_id, number);

-- Written before the instance is requested, so that the limit of members holds. Rows of deleted
-- instances, and of those that never came to be, do not count.
CREATE TABLE server_group_member (
  instance_uuid UUID PRIMARY KEY,
  group_uuid    UUID        NOT NULL REFERENCES server_group ON DELETE CASCADE,
  joined_at     TIMESTAMPTZ NOT NULL
);
CREATE INDEX server_group_member_idx ON server_group_member (group_uuid);
