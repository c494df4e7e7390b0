-- The audit is read newest first: as a whole, of one who acts, of one action, of one subject.
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_who ON audit (who, at);
CREATE INDEX audit_action ON audit (action, at);
CREATE INDEX audit_subject_at ON audit (subject, at);
DROP INDEX audit_subject;
-- What came when, from whom and how large, without a look at the rows; what was refused when.
CREATE INDEX instance_received ON instance (received_at, calling_ae_title, data_length);
CREATE INDEX quarantine_at ON quarantine (at);
