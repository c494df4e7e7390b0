"""The tables of what people decided about studies without an order, as peewee models; part of tables.py."""

from peewee import BigIntegerField, TextField

from dicom_gateway.storage.row import BaseRow


class MatchRow(BaseRow):
    """A match or its opposite; `before` and `after` are what it changed, as JSON."""

    key = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    who = TextField()
    action = TextField()
    study_instance_uid = TextField()
    performed_uid = TextField()
    order_id = TextField()
    requested_procedure_id = TextField()
    step_id = TextField()
    before = TextField()
    after = TextField()
    undone_at = BigIntegerField(null=True)

    class Meta:
        table_name = "match"


class StudyDecisionRow(BaseRow):
    """Where further images of a study belong, if they are of one of these patients; `order_id` "": to no order."""

    study_instance_uid = TextField(primary_key=True)
    order_id = TextField()
    requested_procedure_id = TextField()
    step_id = TextField()
    patient_ids = TextField()  # JSON, as the images have them

    class Meta:
        table_name = "study_decision"


class SeenToRow(BaseRow):
    """Something that was done without an order, and that somebody has seen to."""

    subject = TextField(primary_key=True)
    at = BigIntegerField()
    who = TextField()
    note = TextField()

    class Meta:
        table_name = "seen_to"
