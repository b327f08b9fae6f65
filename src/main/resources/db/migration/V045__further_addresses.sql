-- A port may have further addresses beside the one that it was made with, which DHCP tells its guest.
ALTER TABLE fixed_address
  -- what classic services call an address by; looked up too seldom for an index, which each boot would pay for
  ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY,
  -- in which order they were added to ports; null for the one that a port was made with
  ADD COLUMN added BIGINT,
  ADD CONSTRAINT fixed_address_added_to_a_port CHECK (added IS NULL OR port_id IS NOT NULL);

-- Counts the changes: an instance that hears of two in the wrong order keeps the later one.
ALTER TABLE instance_network ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The requests that were carried out, for a day: one that comes again changes nothing.
CREATE TABLE address_change (
  instance_uuid UUID        NOT NULL,
  request_id    TEXT        NOT NULL,
  at            TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (instance_uuid, request_id)
);
