-- The embedded identity service: Keystone v3's resources, one table for each.
-- `extra` holds the attributes that a client may add to a resource of its own accord.
CREATE TABLE identity_domain (
  id          TEXT PRIMARY KEY,
  name        TEXT    NOT NULL UNIQUE,
  description TEXT    NOT NULL DEFAULT '',
  enabled     BOOLEAN NOT NULL,
  extra       JSONB   NOT NULL DEFAULT '{}'
);

CREATE TABLE identity_project (
  id          TEXT PRIMARY KEY,
  domain_id   TEXT    NOT NULL REFERENCES identity_domain ON DELETE CASCADE,
  -- null: directly below the domain
  parent_id   TEXT REFERENCES identity_project,
  name        TEXT    NOT NULL,
  description TEXT    NOT NULL DEFAULT '',
  enabled     BOOLEAN NOT NULL,
  tags        JSONB   NOT NULL DEFAULT '[]',
  extra       JSONB   NOT NULL DEFAULT '{}',
  UNIQUE (domain_id, name)
);
CREATE INDEX identity_project_parent_idx ON identity_project (parent_id);

CREATE TABLE identity_user (
  id                 TEXT PRIMARY KEY,
  domain_id          TEXT    NOT NULL REFERENCES identity_domain ON DELETE CASCADE,
  name               TEXT    NOT NULL,
  enabled            BOOLEAN NOT NULL,
  default_project_id TEXT,
  -- bcrypt; null: no password, only other methods
  password_hash      TEXT,
  extra              JSONB   NOT NULL DEFAULT '{}',
  UNIQUE (domain_id, name)
);

CREATE TABLE identity_group (
  id          TEXT PRIMARY KEY,
  domain_id   TEXT  NOT NULL REFERENCES identity_domain ON DELETE CASCADE,
  name        TEXT  NOT NULL,
  description TEXT  NOT NULL DEFAULT '',
  extra       JSONB NOT NULL DEFAULT '{}',
  UNIQUE (domain_id, name)
);

CREATE TABLE identity_group_member (
  group_id TEXT NOT NULL REFERENCES identity_group ON DELETE CASCADE,
  user_id  TEXT NOT NULL REFERENCES identity_user ON DELETE CASCADE,
  PRIMARY KEY (group_id, user_id)
);
CREATE INDEX identity_group_member_user_idx ON identity_group_member (user_id);

-- domain_id null: a role of the whole cloud, the only kind that a token carries.
CREATE TABLE identity_role (
  id          TEXT PRIMARY KEY,
  domain_id   TEXT REFERENCES identity_domain ON DELETE CASCADE,
  name        TEXT  NOT NULL,
  description TEXT  NOT NULL DEFAULT '',
  extra       JSONB NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX identity_role_name_idx ON identity_role (COALESCE(domain_id, ''), name);

CREATE TABLE identity_implied_role (
  prior_id   TEXT NOT NULL REFERENCES identity_role ON DELETE CASCADE,
  implied_id TEXT NOT NULL REFERENCES identity_role ON DELETE CASCADE,
  PRIMARY KEY (prior_id, implied_id)
);

-- Who has which role on what. actor: a user or a group; target: a project, a domain or the system
-- (whose id is 'all'). inherited: not on the target itself but on the projects below it.
CREATE TABLE identity_assignment (
  actor_kind  TEXT    NOT NULL CHECK (actor_kind IN ('user', 'group')),
  actor_id    TEXT    NOT NULL,
  target_kind TEXT    NOT NULL CHECK (target_kind IN ('project', 'domain', 'system')),
  target_id   TEXT    NOT NULL,
  role_id     TEXT    NOT NULL REFERENCES identity_role ON DELETE CASCADE,
  inherited   BOOLEAN NOT NULL,
  PRIMARY KEY (actor_kind, actor_id, target_kind, target_id, role_id, inherited)
);
CREATE INDEX identity_assignment_target_idx ON identity_assignment (target_kind, target_id);

CREATE TABLE identity_application_credential (
  id           TEXT PRIMARY KEY,
  user_id      TEXT    NOT NULL REFERENCES identity_user ON DELETE CASCADE,
  project_id   TEXT    NOT NULL REFERENCES identity_project ON DELETE CASCADE,
  name         TEXT    NOT NULL,
  description  TEXT,
  secret_hash  TEXT    NOT NULL,
  role_ids     JSONB   NOT NULL,
  expires_at   TIMESTAMPTZ,
  unrestricted BOOLEAN NOT NULL,
  UNIQUE (user_id, name)
);

CREATE TABLE identity_region (
  id               TEXT PRIMARY KEY,
  description      TEXT  NOT NULL DEFAULT '',
  parent_region_id TEXT REFERENCES identity_region,
  extra            JSONB NOT NULL DEFAULT '{}'
);

-- Services and endpoints that an operator added; those of the cloud itself are configuration.
CREATE TABLE identity_service (
  id          TEXT PRIMARY KEY,
  type        TEXT    NOT NULL,
  name        TEXT,
  description TEXT,
  enabled     BOOLEAN NOT NULL,
  extra       JSONB   NOT NULL DEFAULT '{}'
);

CREATE TABLE identity_endpoint (
  id         TEXT PRIMARY KEY,
  service_id TEXT    NOT NULL,
  interface  TEXT    NOT NULL CHECK (interface IN ('public', 'internal', 'admin')),
  region_id  TEXT REFERENCES identity_region,
  url        TEXT    NOT NULL,
  enabled    BOOLEAN NOT NULL,
  extra      JSONB   NOT NULL DEFAULT '{}'
);

-- The key that signs tokens, made by the first controller and shared by all.
CREATE TABLE identity_token_key (
  id         TEXT PRIMARY KEY,
  secret     BYTEA       NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- What became invalid: every token that names the subject and was issued before revision `id`.
-- Writers hold an advisory lock until they commit, so ids become visible in order and a reader that
-- asks for "greater than the last I saw" misses none.
CREATE TABLE identity_revocation (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject    TEXT        NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX identity_revocation_expires_idx ON identity_revocation (expires_at);
