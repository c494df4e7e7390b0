-- What people decided about studies and performed steps without an order. before and after are JSON: to undo exactly.
CREATE TABLE match (
    key INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never used again: it may be undone by a late click
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    performed_uid TEXT NOT NULL,
    order_id TEXT NOT NULL,
    requested_procedure_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    undone_at INTEGER
);
CREATE INDEX match_study ON match (study_instance_uid);
CREATE INDEX match_performed ON match (performed_uid);
CREATE INDEX match_order ON match (order_id);

-- Where later images of a study belong because a person said so; order_id '' is: to no order.
CREATE TABLE study_decision (
    study_instance_uid TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    requested_procedure_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    patient_ids TEXT NOT NULL
) WITHOUT ROWID;

-- What was done without an order and somebody has seen to: billed, or of no concern.
CREATE TABLE seen_to (
    subject TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    note TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX instance_waiting ON instance (study_instance_uid) WHERE order_id = '' AND current = 1;
CREATE INDEX performed_reference_reason ON performed_reference (link_reason, performed_uid);
