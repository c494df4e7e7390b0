"""The tables of what devices asked, were served and did, as peewee models; part of tables.py."""

from peewee import BigIntegerField, CompositeKey, IntegerField, TextField

from dicom_gateway.storage.row import BaseRow


class ServedStepRow(BaseRow):
    """A scheduled step that a device got as an answer."""

    key = BigIntegerField(primary_key=True)
    order_id = TextField()
    step_id = TextField()
    ae_title = TextField()
    first_at = BigIntegerField()
    last_at = BigIntegerField()
    times = IntegerField()

    class Meta:
        table_name = "served_step"


class DeviceQueryRow(BaseRow):
    """The last query of one shape (the identifier without dates) of a device, as it was sent."""

    ae_title = TextField()
    shape = TextField()
    identifier = TextField()  # base64
    transfer_syntax_uid = TextField()
    at = BigIntegerField()
    address = TextField()
    status = IntegerField()
    answers = IntegerField()
    times = IntegerField()

    class Meta:
        table_name = "device_query"
        primary_key = CompositeKey("ae_title", "shape")


class DeviceHabitRow(BaseRow):
    """Something that a device does; `kind` is one of core.habits.Habit."""

    ae_title = TextField()
    kind = TextField()
    name = TextField()
    first_at = BigIntegerField()
    last_at = BigIntegerField()
    times = IntegerField()

    class Meta:
        table_name = "device_habit"
        primary_key = CompositeKey("ae_title", "kind", "name")
