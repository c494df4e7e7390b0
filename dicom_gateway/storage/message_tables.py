"""The tables of messages as peewee models; part of tables.py."""

from peewee import BigIntegerField, BlobField, CompositeKey, IntegerField, TextField

from dicom_gateway.storage.row import BaseRow


class MessageRow(BaseRow):
    """A message that came or went; the bytes stand last, so that a list does not read them."""

    key = BigIntegerField(primary_key=True)
    direction = TextField()
    peer = TextField()
    origin = TextField()
    type = TextField()
    control_id = TextField()
    sha256 = TextField()
    at = BigIntegerField()
    finished_at = BigIntegerField(null=True)
    outcome = TextField()
    detail = TextField()
    repeats = IntegerField()
    answer = BlobField()
    content = BlobField()

    class Meta:
        table_name = "message"


class MessageOrderRow(BaseRow):
    """An order that a message is about."""

    order_id = TextField()
    message_key = BigIntegerField()

    class Meta:
        table_name = "message_order"
        primary_key = CompositeKey("order_id", "message_key")
