-- One row for each instance that was ever accepted: what lists and shows read. `state` is the whole
-- state as the entity had it at `revision`; the other columns are copies of parts of it, for filters,
-- sorting and indexes. Rows of deleted instances stay as tombstones (changes-since, actions).
CREATE TABLE instance (
  uuid              UUID PRIMARY KEY,
  revision          BIGINT      NOT NULL,
  number            INTEGER     NOT NULL,
  project_id        TEXT        NOT NULL,
  user_id           TEXT        NOT NULL,
  name              TEXT        NOT NULL,
  hostname          TEXT,
  description       TEXT,
  vm_state          TEXT        NOT NULL,
  task_state        TEXT,
  power_state       SMALLINT    NOT NULL,
  host              TEXT,
  node              TEXT,
  availability_zone TEXT,
  flavor_id         TEXT        NOT NULL,
  image_id          TEXT,
  kernel_id         TEXT,
  ramdisk_id        TEXT,
  key_name          TEXT,
  reservation_id    TEXT,
  launch_index      INTEGER     NOT NULL,
  locked            BOOLEAN     NOT NULL,
  config_drive      BOOLEAN     NOT NULL,
  access_ip_v4      TEXT,
  access_ip_v6      TEXT,
  addresses         TEXT[]      NOT NULL,
  tags              TEXT[]      NOT NULL,
  created_at        TIMESTAMPTZ NOT NULL,
  updated_at        TIMESTAMPTZ NOT NULL,
  launched_at       TIMESTAMPTZ,
  terminated_at     TIMESTAMPTZ,
  deleted           BOOLEAN     NOT NULL,
  -- something is pending (a boot, a task, a debt): the watchdog nudges these
  in_flight         BOOLEAN     NOT NULL,
  state             JSONB       NOT NULL
);
CREATE INDEX instance_project_idx ON instance (project_id, created_at DESC, uuid) WHERE NOT deleted;
CREATE INDEX instance_created_idx ON instance (created_at DESC, uuid) WHERE NOT deleted;
CREATE INDEX instance_updated_idx ON instance (updated_at);
CREATE INDEX instance_host_idx ON instance (host) WHERE NOT deleted;
CREATE INDEX instance_in_flight_idx ON instance (updated_at) WHERE in_flight;
CREATE INDEX instance_reservation_idx ON instance (reservation_id) WHERE NOT deleted;

-- How far the projector has read the journal. One row.
CREATE TABLE projection_offset (
  name     TEXT PRIMARY KEY,
  xid      xid8   NOT NULL,
  ordering BIGINT NOT NULL
);
INSERT INTO projection_offset VALUES ('instance', '0', 0);
