-- Devices that were configured here, and what refused ones tried. The counter "devices" moves with every change.
CREATE TABLE device (
    ae_title TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);
ALTER TABLE unknown_device ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE unknown_device ADD COLUMN proposed TEXT NOT NULL DEFAULT '[]';
ALTER TABLE unknown_device ADD COLUMN tls INTEGER NOT NULL DEFAULT 0;
