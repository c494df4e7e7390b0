-- Settings that were made on the page. The counter "local_settings" moves with every change.
CREATE TABLE local_setting (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
);
