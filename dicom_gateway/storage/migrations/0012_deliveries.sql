-- Deliveries are listed newest first: all, those of one state, to one target, or both.
CREATE INDEX delivery_status ON delivery (status, key);
CREATE INDEX delivery_target ON delivery (target, key);
CREATE INDEX delivery_target_status ON delivery (target, status, key);
