-- The embedded image service: Glance v2's images. Their data is in files; image_location says which
-- controllers (by the address of their front door) have a copy.
CREATE TABLE image (
  id               TEXT PRIMARY KEY,
  name             TEXT,
  owner            TEXT,
  status           TEXT        NOT NULL CHECK (status IN ('queued', 'saving', 'active', 'deactivated')),
  visibility       TEXT        NOT NULL CHECK (visibility IN ('public', 'private', 'shared', 'community')),
  protected        BOOLEAN     NOT NULL,
  os_hidden        BOOLEAN     NOT NULL,
  checksum         TEXT,
  os_hash_value    TEXT,
  size             BIGINT,
  virtual_size     BIGINT,
  min_disk         INTEGER     NOT NULL,
  min_ram          INTEGER     NOT NULL,
  disk_format      TEXT,
  container_format TEXT,
  tags             JSONB       NOT NULL,
  properties       JSONB       NOT NULL,
  created_at       TIMESTAMPTZ NOT NULL,
  updated_at       TIMESTAMPTZ NOT NULL,
  -- while 'saving': which upload it is, and at which controller
  upload           TEXT,
  upload_at        TEXT
);
CREATE INDEX image_created_idx ON image (created_at DESC, id DESC);
CREATE INDEX image_owner_idx ON image (owner);
CREATE INDEX image_name_idx ON image (name);

CREATE TABLE image_member (
  image_id   TEXT        NOT NULL REFERENCES image ON DELETE CASCADE,
  member_id  TEXT        NOT NULL,
  status     TEXT        NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (image_id, member_id)
);
CREATE INDEX image_member_idx ON image_member (member_id);

CREATE TABLE image_location (
  image_id TEXT NOT NULL REFERENCES image ON DELETE CASCADE,
  endpoint TEXT NOT NULL,
  PRIMARY KEY (image_id, endpoint)
);
