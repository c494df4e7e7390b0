-- People who use the page, and their sessions. A session is known by the hash of its secret.
CREATE TABLE page_user (
    name TEXT PRIMARY KEY,
    folded TEXT NOT NULL UNIQUE, -- the name without its capitals: two names that look alike are one
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    must_change INTEGER NOT NULL,
    language TEXT NOT NULL,
    theme TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    last_seen_at INTEGER
);

CREATE TABLE page_session (
    sha256 TEXT PRIMARY KEY,
    user_name TEXT NOT NULL REFERENCES page_user (name),
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX page_session_user ON page_session (user_name, created_at);
