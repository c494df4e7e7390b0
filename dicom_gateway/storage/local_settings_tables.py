"""The table of settings that were made on the page, as a peewee model; part of tables.py."""

from peewee import BigIntegerField, CompositeKey, TextField

from dicom_gateway.storage.row import BaseRow


class LocalSettingRow(BaseRow):
    """A setting that was made on the page; `document` is its fields as JSON."""

    kind = TextField()
    name = TextField()
    document = TextField()
    changed_at = BigIntegerField()

    class Meta:
        table_name = "local_setting"
        primary_key = CompositeKey("kind", "name")
