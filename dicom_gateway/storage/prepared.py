"""Queries composed once: a peewee query whose values are named parameters, turned to SQL on first use.

peewee takes ten times as long to compose the text of a query as SQLite to run it. A `Statement` keeps the text, and
each connection keeps what SQLite made of it. Values go to SQLite as they are: text, whole numbers or None, as the
columns have them. It runs by the verbs of a Transaction: `tx.rows(STATEMENT, name=value)`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import peewee


class _Parameter:
    """The place of a value in a composed query; `many`: of a list of values."""

    def __init__(self, name: str, many: bool) -> None:
        self.name = name
        self.many = many


class _Several(peewee.Node):
    """A list of values, for `column.in_`; how many is known when it is run."""

    def __init__(self, name: str) -> None:
        self._value = peewee.Value(_Parameter(name, many=True), converter=False)

    def __sql__(self, context: peewee.Context) -> peewee.Context:
        context.literal("(").sql(self._value).literal(")")
        return context


def given(name: str) -> peewee.Node:
    """Stand for one value in a Statement's query."""
    return peewee.Value(_Parameter(name, many=False), converter=False)


def several(name: str) -> peewee.Node:
    """Stand for a list in a Statement's query, as `column.in_(several("uids"))`; an empty one matches nothing."""
    return _Several(name)


def columns(names: Iterable[str]) -> dict[str, peewee.Node]:
    """Return a parameter for each column, by the column's name: what an insert or an update gives."""
    return {name: given(name) for name in names}


class Statement:
    """A query with parameters. It is composed for the database that runs it first: there is one kind in a process."""

    def __init__(self, query: Any) -> None:
        self._query = query
        self._composed: _Composed | None = None
        self.is_insert = isinstance(query, peewee.Insert)

    def on(self, database: peewee.Database, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return the SQL and its values in their order; raises TypeError unless just its parameters are given."""
        composed = self._composed
        if composed is None:
            composed = self._composed = _Composed(*database.get_sql_context().sql(self._query).query())
        if values.keys() != composed.names:
            raise TypeError(f"the statement takes {sorted(composed.names)}, not {sorted(values)}")
        return composed.expanded(values) if composed.has_lists else (composed.text, composed.values(values))


class _Composed:
    def __init__(self, text: str, parameters: Iterable[Any]) -> None:
        self.text = text
        self._parameters = list(parameters)
        named = [parameter for parameter in self._parameters if isinstance(parameter, _Parameter)]
        self.names = {parameter.name for parameter in named}
        self.has_lists = any(parameter.many for parameter in named)
        self._pieces = text.split("?")
        # No name of ours has a question mark, and a value never stands in the text.
        assert len(self._pieces) == len(self._parameters) + 1, text

    def values(self, values: Mapping[str, Any]) -> list[Any]:
        return [values[p.name] if isinstance(p, _Parameter) else p for p in self._parameters]

    def expanded(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """Return text and values with a question mark for each value of a list."""
        text = [self._pieces[0]]
        flat: list[Any] = []
        for piece, parameter, value in zip(self._pieces[1:], self._parameters, self.values(values), strict=True):
            many = isinstance(parameter, _Parameter) and parameter.many
            flat.extend(value if many else (value,))
            text += (", ".join("?" * len(value)) or "NULL" if many else "?", piece)
        return "".join(text), flat
