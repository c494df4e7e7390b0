-- HL7 messages as they came and went, with what became of them.
CREATE TABLE message (
    key INTEGER PRIMARY KEY,
    direction TEXT NOT NULL,
    peer TEXT NOT NULL,
    origin TEXT NOT NULL,
    type TEXT NOT NULL,
    control_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    at INTEGER NOT NULL,
    finished_at INTEGER,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    repeats INTEGER NOT NULL,
    answer BLOB NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX message_at ON message (at);
CREATE INDEX message_control_id ON message (control_id, peer, direction);

CREATE TABLE message_order (
    order_id TEXT NOT NULL,
    message_key INTEGER NOT NULL,
    PRIMARY KEY (order_id, message_key)
) WITHOUT ROWID;
CREATE INDEX message_order_message ON message_order (message_key);
