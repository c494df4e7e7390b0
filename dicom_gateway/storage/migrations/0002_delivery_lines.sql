-- A delivery that stands behind another of its line has no due_at.
CREATE TABLE new_delivery (
    key INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES event (id),
    target TEXT NOT NULL,
    subject TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER,
    first_try_at INTEGER,
    attempts INTEGER NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    detail TEXT NOT NULL,
    finished_at INTEGER,
    UNIQUE (event_id, target)
);
INSERT INTO new_delivery
SELECT key, event_id, target, subject, status, created_at, due_at, first_try_at, attempts, lease_owner, lease_until,
    detail, finished_at
FROM delivery;
DROP TABLE delivery;
ALTER TABLE new_delivery RENAME TO delivery;
CREATE INDEX delivery_due ON delivery (target, status, due_at);
CREATE INDEX delivery_subject ON delivery (target, subject, status, key);
UPDATE delivery SET due_at = NULL
WHERE status = 'pending' AND EXISTS (
    SELECT 1 FROM delivery AS earlier
    WHERE earlier.target = delivery.target AND earlier.subject = delivery.subject
        AND earlier.status = 'pending' AND earlier.key < delivery.key
);
