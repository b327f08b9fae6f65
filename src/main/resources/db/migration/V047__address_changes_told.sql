-- Of a change of fixed addresses the instance is told after the commit. Until it has answered, the row says what to
-- tell it, so that another process can if this one dies.
ALTER TABLE address_change
  -- the network service's count of changes after this one
  ADD COLUMN revision BIGINT  NOT NULL DEFAULT 0,
  ADD COLUMN added    BOOLEAN NOT NULL DEFAULT TRUE,
  -- who asked, as JSON; null when the instance has heard of it, or nobody has to
  ADD COLUMN context  JSONB;
CREATE INDEX address_change_untold_idx ON address_change (at) WHERE context IS NOT NULL;

-- The address that a port was made with, after it was removed: no longer the instance's, but its guest may go on to
-- use what DHCP gave it, so it is nobody else's until the port goes.
ALTER TABLE fixed_address
  ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE,
  ADD CONSTRAINT fixed_address_held_by_a_port CHECK (NOT held OR port_id IS NOT NULL);
