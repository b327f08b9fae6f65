-- The networks that instances are plugged into. What Neutron's API shows beyond this comes later.
CREATE TABLE network (
  id         UUID PRIMARY KEY,
  name       TEXT        NOT NULL,
  project_id TEXT        NOT NULL,
  shared     BOOLEAN     NOT NULL,
  -- the one that a first start makes
  is_default BOOLEAN     NOT NULL,
  bridge     TEXT        NOT NULL,
  mtu        INTEGER     NOT NULL,
  created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX network_default_idx ON network (is_default) WHERE is_default;
CREATE INDEX network_project_idx ON network (project_id);

CREATE TABLE subnet (
  id          UUID PRIMARY KEY,
  network_id  UUID   NOT NULL REFERENCES network,
  cidr        CIDR   NOT NULL,
  gateway     INET,
  dns_servers TEXT[] NOT NULL,
  -- the addresses before this one (counted from the network's own) are in fixed_address; those from
  -- here on were never given out
  next_offset BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX subnet_network_idx ON subnet (network_id);

-- An instance that ports were made for or released of: what both lock first. Once released_at is
-- set, an allocation that comes late (sent again, or by a process that was thought dead) is refused,
-- as nobody would ever release what it takes. Rows go a day after.
CREATE TABLE instance_network (
  instance_uuid UUID PRIMARY KEY,
  released_at   TIMESTAMPTZ
);
CREATE INDEX instance_network_released_idx ON instance_network (released_at)
  WHERE released_at IS NOT NULL;

CREATE TABLE port (
  id            UUID PRIMARY KEY,
  network_id    UUID        NOT NULL REFERENCES network,
  project_id    TEXT        NOT NULL,
  instance_uuid UUID        NOT NULL,
  position      INTEGER     NOT NULL,
  mac           MACADDR     NOT NULL,
  host          TEXT        NOT NULL,
  created_at    TIMESTAMPTZ NOT NULL,
  UNIQUE (network_id, mac),
  UNIQUE (instance_uuid, position)
);

-- One row for each address that was ever given out or is about to be: there is one place for a port
-- in it, so that no address can have two.
CREATE SEQUENCE fixed_address_queue;
CREATE TABLE fixed_address (
  subnet_id UUID   NOT NULL REFERENCES subnet,
  address   INET   NOT NULL,
  port_id   UUID REFERENCES port,
  -- where a free one stands in the queue: the address that has been free for longest is taken first
  queued    BIGINT NOT NULL DEFAULT nextval('fixed_address_queue'),
  PRIMARY KEY (subnet_id, address)
);
CREATE INDEX fixed_address_free_idx ON fixed_address (subnet_id, queued) WHERE port_id IS NULL;
CREATE INDEX fixed_address_port_idx ON fixed_address (port_id) WHERE port_id IS NOT NULL;
