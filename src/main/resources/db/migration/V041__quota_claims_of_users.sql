-- Whose instance it is: what a user's own limit within the project counts. Null for a claim that was
-- made before this column and had no row of its instance yet.
ALTER TABLE quota_claim ADD COLUMN user_id TEXT;
UPDATE quota_claim c SET user_id = i.user_id FROM instance i WHERE i.uuid = c.instance_uuid;
CREATE INDEX quota_claim_user_idx ON quota_claim (project_id, user_id);
DROP INDEX quota_claim_project_idx;
