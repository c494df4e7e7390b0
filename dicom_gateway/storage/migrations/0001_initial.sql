-- Instants are microseconds since 1970 UTC. Absent text is ''. JSON is text. No NULL stands in a unique key.

CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);

CREATE TABLE imaging_order (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    placer_order_number TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    accession_number TEXT NOT NULL,
    original_accession_number TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (source, placer_order_number)
);
CREATE INDEX imaging_order_accession ON imaging_order (accession_number);
CREATE INDEX imaging_order_original_accession ON imaging_order (original_accession_number);
CREATE INDEX imaging_order_patient ON imaging_order (patient_id);
CREATE INDEX imaging_order_source ON imaging_order (source, created_at, id);
CREATE INDEX imaging_order_created ON imaging_order (created_at, id);
CREATE INDEX imaging_order_status ON imaging_order (status, created_at, id);

CREATE TABLE scheduled_step (
    key INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES imaging_order (id),
    procedure_position INTEGER NOT NULL,
    step_position INTEGER NOT NULL,
    requested_procedure_id TEXT NOT NULL,
    original_procedure_id TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    step_id TEXT NOT NULL,
    original_step_id TEXT NOT NULL,
    status TEXT NOT NULL,
    shown INTEGER NOT NULL,
    modality TEXT NOT NULL,
    start_date TEXT NOT NULL,
    start_utc INTEGER NOT NULL,
    patient_id TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    UNIQUE (order_id, step_id)
);
CREATE INDEX scheduled_step_study ON scheduled_step (study_instance_uid);
CREATE INDEX scheduled_step_shown ON scheduled_step (shown, start_date, start_utc, key);
CREATE INDEX scheduled_step_modality ON scheduled_step (modality, shown, start_date, start_utc, key);
CREATE INDEX scheduled_step_procedure ON scheduled_step (requested_procedure_id);
CREATE INDEX scheduled_step_id ON scheduled_step (step_id);
CREATE INDEX scheduled_step_patient ON scheduled_step (patient_id);
CREATE INDEX scheduled_step_name ON scheduled_step (shown, patient_name, start_utc, key);
CREATE INDEX scheduled_step_accession ON scheduled_step (accession_number);
CREATE INDEX scheduled_step_start ON scheduled_step (start_date);

CREATE TABLE scheduled_station (
    ae_title TEXT NOT NULL,
    shown INTEGER NOT NULL,
    start_date TEXT NOT NULL,
    start_utc INTEGER NOT NULL,
    step_key INTEGER NOT NULL REFERENCES scheduled_step (key) ON DELETE CASCADE,
    PRIMARY KEY (ae_title, shown, start_date, start_utc, step_key)
);
CREATE INDEX scheduled_station_step ON scheduled_station (step_key);

CREATE TABLE performed_step (
    sop_instance_uid TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    calling_ae_title TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE performed_reference (
    performed_uid TEXT NOT NULL REFERENCES performed_step (sop_instance_uid),
    position INTEGER NOT NULL,
    study_instance_uid TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    link_reason TEXT NOT NULL,
    PRIMARY KEY (performed_uid, position)
);
CREATE INDEX performed_reference_study ON performed_reference (study_instance_uid);
CREATE INDEX performed_reference_accession ON performed_reference (accession_number);

CREATE TABLE performed_link (
    performed_uid TEXT NOT NULL REFERENCES performed_step (sop_instance_uid),
    position INTEGER NOT NULL,
    order_id TEXT NOT NULL REFERENCES imaging_order (id),
    step_id TEXT NOT NULL,
    requested_procedure_id TEXT NOT NULL,
    PRIMARY KEY (performed_uid, position, order_id, step_id)
);
CREATE INDEX performed_link_step ON performed_link (order_id, step_id);

CREATE TABLE performed_image (
    performed_uid TEXT NOT NULL REFERENCES performed_step (sop_instance_uid),
    sop_instance_uid TEXT NOT NULL,
    PRIMARY KEY (performed_uid, sop_instance_uid)
);
CREATE INDEX performed_image_instance ON performed_image (sop_instance_uid);

CREATE TABLE study (
    study_instance_uid TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    requested_procedure_id TEXT NOT NULL,
    link_reason TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    modality TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    last_received_at INTEGER NOT NULL,
    due_at INTEGER,
    reported_at INTEGER,
    unmatched_told_at INTEGER,
    incomplete_told_at INTEGER,
    evidence TEXT NOT NULL,
    received INTEGER NOT NULL
);
CREATE INDEX study_due ON study (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX study_received ON study (last_received_at, study_instance_uid);
CREATE INDEX study_order ON study (order_id, requested_procedure_id);

CREATE TABLE instance (
    key INTEGER PRIMARY KEY,
    sop_instance_uid TEXT NOT NULL,
    version INTEGER NOT NULL,
    current INTEGER NOT NULL,
    sop_class_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL REFERENCES study (study_instance_uid),
    series_instance_uid TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    object_name TEXT NOT NULL,
    data_offset INTEGER NOT NULL,
    data_length INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    calling_ae_title TEXT NOT NULL,
    order_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    link_reason TEXT NOT NULL,
    flags TEXT NOT NULL,
    header TEXT NOT NULL,
    told_at INTEGER,
    UNIQUE (sop_instance_uid, transfer_syntax_uid, sha256),
    UNIQUE (sop_instance_uid, version)
);
CREATE INDEX instance_study ON instance (study_instance_uid, current);
CREATE INDEX instance_accession ON instance (accession_number);
CREATE INDEX instance_object ON instance (object_name);

CREATE TABLE event (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    order_id TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    envelope TEXT NOT NULL,
    instance_keys TEXT NOT NULL
);
CREATE INDEX event_order ON event (order_id);

CREATE TABLE delivery (
    key INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES event (id),
    target TEXT NOT NULL,
    subject TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    first_try_at INTEGER,
    attempts INTEGER NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    detail TEXT NOT NULL,
    finished_at INTEGER,
    UNIQUE (event_id, target)
);
CREATE INDEX delivery_due ON delivery (target, status, due_at);
CREATE INDEX delivery_subject ON delivery (target, subject, status, key);

CREATE TABLE target (
    name TEXT PRIMARY KEY,
    paused_at INTEGER,
    reason TEXT NOT NULL
);

CREATE TABLE audit (
    key INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, key);

CREATE TABLE alarm (
    key INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number is never used again: it may be cleared by a late command
    raised_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    count INTEGER NOT NULL,
    UNIQUE (kind, subject)
);

CREATE TABLE token (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
);

CREATE TABLE unknown_device (
    ae_title TEXT NOT NULL,
    address TEXT NOT NULL,
    called_ae_title TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (ae_title, address)
);

CREATE TABLE quarantine (
    key INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    calling_ae_title TEXT NOT NULL,
    address TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    dimse_status INTEGER NOT NULL,
    reason TEXT NOT NULL,
    object_name TEXT NOT NULL,
    data_length INTEGER NOT NULL
);
