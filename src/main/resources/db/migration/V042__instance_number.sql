-- Classic services name an instance by its number. They are given out in order, so that the smallest kind of index,
-- which costs a boot next to nothing, finds one.
CREATE INDEX instance_number_idx ON instance USING brin (number);
