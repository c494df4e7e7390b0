"""The tables of merged patients as peewee models; part of tables.py."""

from peewee import BigIntegerField, CompositeKey, TextField

from dicom_gateway.storage.row import BaseRow


class PatientMergeRow(BaseRow):
    """An id that stands for another one of the same issuer (and source, where there is no issuer), until undone."""

    key = BigIntegerField(primary_key=True)
    kind = TextField()
    issuer = TextField()
    source = TextField()
    old_id = TextField()
    survivor_id = TextField()
    who = TextField()
    at = BigIntegerField()
    undone_at = BigIntegerField(null=True)

    class Meta:
        table_name = "patient_merge"


class PatientMoveRow(BaseRow):
    """An order whose patient a merge changed: `before` and `after` are the whole patient as JSON."""

    merge_key = BigIntegerField()
    order_id = TextField()
    before = TextField()
    after = TextField()

    class Meta:
        table_name = "patient_move"
        primary_key = CompositeKey("merge_key", "order_id")
