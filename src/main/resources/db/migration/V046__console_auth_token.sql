-- Who may see a guest's display: Nova's console_auth_tokens. The token itself is nowhere: who reads this table, or a
-- copy of it, sees no guest.
CREATE TABLE console_auth_token (
  token_sha256         BYTEA       PRIMARY KEY,
  instance_uuid        UUID,
  console_type         TEXT        NOT NULL,
  host                 TEXT        NOT NULL,
  port                 INTEGER     NOT NULL,
  internal_access_path TEXT,
  expires_at           TIMESTAMPTZ NOT NULL
);
CREATE INDEX console_auth_token_expiry ON console_auth_token (expires_at);
