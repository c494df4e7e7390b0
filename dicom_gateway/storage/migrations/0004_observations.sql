-- What devices asked, were served and did. A step's row of served_step stays beside those of its time, so that renewing
-- the rows of a day touches few pages.
CREATE TABLE served_step (
    key INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    UNIQUE (order_id, step_id, ae_title)
);

CREATE TABLE device_query (
    ae_title TEXT NOT NULL,
    shape TEXT NOT NULL,
    identifier TEXT NOT NULL, -- base64
    transfer_syntax_uid TEXT NOT NULL,
    at INTEGER NOT NULL,
    address TEXT NOT NULL,
    status INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (ae_title, shape)
);
CREATE INDEX device_query_at ON device_query (ae_title, at);

CREATE TABLE device_habit (
    ae_title TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (ae_title, kind, name)
);
