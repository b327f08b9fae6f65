-- What administrators set for a user within a project.
CREATE TABLE quota_user_limit (
  project_id TEXT    NOT NULL,
  user_id    TEXT    NOT NULL,
  resource   TEXT    NOT NULL,
  hard_limit INTEGER NOT NULL CHECK (hard_limit >= -1),
  PRIMARY KEY (project_id, user_id, resource)
);
