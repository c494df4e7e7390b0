"""What every table of the database is made of."""

import peewee


class BaseRow(peewee.Model):
    """A table that is bound to no database; Transaction executes each query on its own connection."""
