"""The tables of the page's users and their sessions."""

from peewee import BigIntegerField, IntegerField, TextField

from dicom_gateway.storage.row import BaseRow as _Row


class UserRow(_Row):
    """A person who uses the page; `folded` is the name without its capitals."""

    name = TextField(primary_key=True)
    folded = TextField()
    role = TextField()
    password_hash = TextField()
    must_change = IntegerField()
    language = TextField()
    theme = TextField()
    created_at = BigIntegerField()
    disabled_at = BigIntegerField(null=True)
    last_seen_at = BigIntegerField(null=True)

    class Meta:
        table_name = "page_user"


class SessionRow(_Row):
    """A session of a user, known by the hash of its secret."""

    sha256 = TextField(primary_key=True)
    user_name = TextField()
    created_at = BigIntegerField()
    last_seen_at = BigIntegerField()
    address = TextField()
    agent = TextField()

    class Meta:
        table_name = "page_session"
