"""Statements that are written once, for what every call comes by.

Django takes ten times as long to write a statement as a database takes to
carry it out. Here it writes each once, for each kind of database, out of the
same querysets and models as ever; from then on only the arguments are filled
in. Nothing of a model's `save` happens (signals, ``auto_now``), and nothing
cascades, so this is for plain rows alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Field, ForeignKey, Model, QuerySet
from django.db.models.constants import OnConflict
from django.db.models.sql import DeleteQuery, InsertQuery, Query, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

Value = int | str | datetime.datetime
Asked = Callable[..., QuerySet[Any, Any]]
_Converters = dict[int, Any]


@dataclass(frozen=True, slots=True)
class _Written:
    """SQL, and for each of its parameters the argument's name, or what is always the same."""

    sql: str
    parameters: tuple[tuple[str, Any], ...]
    converters: _Converters
    compiler: SQLCompiler

    def filled(self, arguments: Mapping[str, Value]) -> list[Any]:
        """The parameters."""
        return [_adapted(arguments[name]) if name else same for name, same in self.parameters]


class _Statement:
    """What all have in common: `asked` is given marks for its arguments, of the types named."""

    def __init__(self, asked: Asked, arguments: Mapping[str, type[Value]]) -> None:
        self._asked = asked
        self._marks = {name: _mark(kind, at) for at, (name, kind) in enumerate(arguments.items())}
        self._written: dict[str, _Written] = {}

    def _query(self, rows: Query) -> Query:
        """The query of that kind on these rows."""
        raise NotImplementedError

    def _ready(self) -> _Written:
        written = self._written.get(connection.vendor)
        if written is None:
            written = self._written[connection.vendor] = self._write()
        return written

    def _write(self) -> _Written:
        names = {_adapted(mark): name for name, mark in self._marks.items()}
        wanted = {name: mark for name, mark in self._marks.items() if name not in self._set()}
        compiler = self._query(self._asked(**wanted).query).get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        places = tuple((names.get(one, ""), one) for one in parameters)
        missing = set(self._marks) - {name for name, _ in places}
        if missing:
            raise LookupError(f"arguments that the statement does not have: {missing}")
        select = [expression for expression, *_ in compiler.select or ()]
        return _Written(sql, places, compiler.get_converters(select), compiler)

    def _set(self) -> frozenset[str]:
        return frozenset()


class Rows(_Statement):
    """A SELECT: `asked` gives a ``values_list``; arguments by name, with their types."""

    def __init__(self, asked: Asked, **arguments: type[Value]) -> None:
        super().__init__(asked, arguments)

    def __call__(self, **arguments: Value) -> list[tuple[Any, ...]]:
        """The rows, as the fields have them."""
        written = self._ready()
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(arguments))
            rows = cursor.fetchall()
        if written.converters:
            rows = written.compiler.apply_converters(rows, written.converters)
        return [tuple(row) for row in rows]

    def _query(self, rows: Query) -> Query:
        return rows


class _Command(_Statement):
    def __call__(self, **arguments: Value) -> int:
        """Carry it out; how many rows it concerned."""
        written = self._ready()
        with connection.cursor() as cursor:
            cursor.execute(written.sql, written.filled(arguments))
            return int(cursor.rowcount)


class Change(_Command):
    """An UPDATE of the rows that `asked` gives.

    `to` says which columns become what: a type for what is an argument of that
    name, anything else for what is always the same.
    """

    def __init__(self, asked: Asked, to: Mapping[str, Any], **arguments: type[Value]) -> None:
        self._to = to
        given = {name: value for name, value in to.items() if isinstance(value, type)}
        super().__init__(asked, {**given, **arguments})

    def _set(self) -> frozenset[str]:
        return frozenset(self._to)

    def _query(self, rows: Query) -> Query:
        query: UpdateQuery = rows.chain(UpdateQuery)  # type: ignore[assignment]
        marks = {name: mark for name, mark in self._marks.items() if name in self._to}
        query.add_update_values({**self._to, **marks})
        return query


class Deletion(_Command):
    """A DELETE of the rows that `asked` gives; nothing may hang on them."""

    def __init__(self, asked: Asked, **arguments: type[Value]) -> None:
        super().__init__(asked, arguments)

    def _query(self, rows: Query) -> Query:
        return rows.chain(DeleteQuery)


class Entry:
    """An INSERT of one row of a model; columns that are not named get their defaults.

    It takes the place of the row that has the same in the column `instead_of`. Columns
    that are `looked_up` are copied from the row that a foreign key leads to: by their name,
    the key and the column there.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        instead_of: str = "",
        looked_up: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self._model = model
        self._instead_of = instead_of
        self._looked_up = {
            name: (_foreign_key(model, key), column)
            for name, (key, column) in (looked_up or {}).items()
        }
        self._fields = [one for one in model._meta.local_concrete_fields if not one.primary_key]
        self._written: dict[str, str] = {}

    def __call__(self, **columns: Any) -> int:
        """Write the row down; its primary key."""
        sql = self._written.get(connection.vendor)
        if sql is None:
            sql = self._written[connection.vendor] = self._write()
        with connection.cursor() as cursor:
            cursor.execute(sql, list(self._prepared(columns)))
            return int(cursor.fetchone()[0])

    def _prepared(self, columns: dict[str, Any]) -> Iterator[Any]:
        keys = {name: columns[key.attname] for name, (key, _) in self._looked_up.items()}
        for field in self._fields:
            if field.name in keys:
                yield keys[field.name]
                continue
            value = columns.pop(field.attname) if field.attname in columns else field.get_default()
            yield field.get_db_prep_save(value, connection)
        if columns:
            raise TypeError(f"{self._model.__name__} has no columns {sorted(columns)}")

    def _write(self) -> str:
        query = InsertQuery(self._model, **self._replacing())
        query.insert_values(self._fields, [self._model()])
        compiler = query.get_compiler(connection=connection)
        compiler.returning_fields = [self._key()]
        ((sql, _),) = compiler.as_sql()
        begin, *between = str(sql).split("%s")
        assert len(between) == len(self._fields), "each column has its place"
        places = [self._place(field) for field in self._fields]
        return begin + "".join(place + then for place, then in zip(places, between, strict=True))

    def _place(self, field: Field[Any, Any]) -> str:
        """What stands for its value in the statement, with one parameter."""
        if field.name not in self._looked_up:
            return "%s"
        key, column = self._looked_up[field.name]
        assert key.related_model is not None, "it leads somewhere"
        there = key.related_model._default_manager.filter(pk=0).order_by().values(column)
        sql, _ = there.query.get_compiler(connection=connection).as_sql()
        return f"({sql})"

    def _replacing(self) -> dict[str, Any]:
        if not self._instead_of:
            return {}
        unique = self._model._meta.get_field(self._instead_of)
        return {
            "on_conflict": OnConflict.UPDATE,
            "update_fields": [one for one in self._fields if one is not unique],
            "unique_fields": [unique],
        }

    def _key(self) -> Field[Any, Any]:
        return self._model._meta.pk


def _foreign_key(model: type[Model], name: str) -> ForeignKey[Any, Any]:
    key = model._meta.get_field(name)
    assert isinstance(key, ForeignKey), "what is looked up is in a row of its own"
    return key


def _mark(kind: type[Value], at: int) -> Value:
    """A value of that type that nothing else has, by which an argument is found again."""
    if kind is int:
        return 10**15 + at
    if kind is str:
        return f"argument {at}"
    return datetime.datetime(1, 1, 1 + at, tzinfo=datetime.UTC)


def _adapted(value: Value) -> Any:
    """As the database takes it."""
    if isinstance(value, datetime.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
