-- Ids of patients that stand for others, and what of orders that changed: both patients as JSON, to undo it.
CREATE TABLE patient_merge (
    key INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never used again: it may be undone by a late command
    kind TEXT NOT NULL,
    issuer TEXT NOT NULL,
    source TEXT NOT NULL, -- '' where the issuer says whose ids these are
    old_id TEXT NOT NULL,
    survivor_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    undone_at INTEGER
);
CREATE UNIQUE INDEX patient_merge_old ON patient_merge (old_id, issuer, source) WHERE undone_at IS NULL;
CREATE INDEX patient_merge_survivor ON patient_merge (survivor_id);

CREATE TABLE patient_move (
    merge_key INTEGER NOT NULL REFERENCES patient_merge (key),
    order_id TEXT NOT NULL REFERENCES imaging_order (id),
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    PRIMARY KEY (merge_key, order_id)
) WITHOUT ROWID;
