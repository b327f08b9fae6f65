-- This cloud's id, which stands in the metadata of every domain. Exactly one row.
CREATE TABLE cloud (
  id        TEXT    NOT NULL,
  singleton BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (singleton)
);
