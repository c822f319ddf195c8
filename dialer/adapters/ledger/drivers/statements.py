"""Statements that are carried out for every call: written once by SQLAlchemy Core, then given to the driver.

SQLAlchemy makes each statement's text, parameters and result anew, by name, which costs more than SQLite
needs to carry it out: thirty microseconds a statement, three times that with a list in it. Here the text is
kept for each database, and values and rows go by position. Only for values that need no conversion: numbers,
text, bytes, None; what is stored as a Boolean comes back as the database has it, which may be 0 or 1.
"""

import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect

Values = tuple[Any, ...]
_Written = tuple[str, Callable[[Values], Values]]
"""A text for one database, and what brings the values that are given into the order of its places."""


class Statement:
    """One statement, with the names of its values in the order in which they are given."""

    def __init__(self, core: sa.ClauseElement, *names: str, listed: str | None = None) -> None:
        """`listed`: an expanding parameter; its list is given behind the other values."""
        self._core = core
        self._names = names
        self._listed = listed
        self._texts: dict[tuple[str, int], _Written] = {}

    def run(self, conn: sa.Connection, *values: Any) -> Sequence[Any]:
        """Carry it out; the rows that it finds or returns. Nothing at all happens for an empty list."""
        if self._listed is not None:
            if not values[-1]:
                return []
            values = (*values[:-1], *_padded(values[-1]))
        text, in_order = self._written(conn.dialect, len(values))
        return _carry_out(conn, text, in_order(values))

    def run_many(self, conn: sa.Connection, rows: Sequence[Values]) -> None:
        """Carry it out for each of the rows of values; nothing happens for none. Not with a list."""
        if rows:
            text, in_order = self._written(conn.dialect, len(self._names))
            _carry_out_each(conn, text, [in_order(row) for row in rows])

    def _written(self, dialect: Dialect, count: int) -> _Written:
        """For so many values."""
        known = self._texts.get((dialect.name, count))
        if known is None:
            known = self._texts[dialect.name, count] = self._write(dialect, count)
        return known

    def _write(self, dialect: Dialect, count: int) -> _Written:
        columns = list(self._names) if isinstance(self._core, sa.Insert) else None
        compiled = self._core.compile(dialect=dialect, column_keys=columns, for_executemany=True)
        assert isinstance(compiled, sa.sql.compiler.SQLCompiler)  # noqa: S101 - it is no DDL
        given: dict[str, Any] = {name: _Given(place) for place, name in enumerate(self._names)}
        if self._listed is not None:
            given[self._listed] = [_Given(place) for place in range(len(given), count)]
        state = compiled.construct_expanded_state(given)
        return state.statement, _order(state.positional_parameters, count)


class _Given(int):
    """Stands for the value that is given at this place; whatever is none is the statement's own."""


def _order(wanted: Sequence[Any], count: int) -> Callable[[Values], Values]:
    own = tuple(each for each in wanted if not isinstance(each, _Given))
    left = iter(range(count, count + len(own)))
    places = [int(each) if isinstance(each, _Given) else next(left) for each in wanted]
    if places == list(range(count)):
        return lambda values: values
    if len(places) == 1:
        return lambda values: ((*values, *own)[places[0]],)
    pick = itemgetter(*places)
    return (lambda values: pick((*values, *own))) if own else pick


def _padded(values: Sequence[Any]) -> Sequence[Any]:
    """Up to the next power of two with the last one again: it says the same, and there are few texts."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (size - len(values))]


def _carry_out(conn: sa.Connection, text: str, values: Values) -> Sequence[Any]:
    if conn.dialect.name != "sqlite":
        result = conn.exec_driver_sql(text, values)
        return result.all() if result.returns_rows else []
    try:
        cursor = conn.connection.cursor()
        cursor.execute(text, values)
        return cursor.fetchall()
    except sqlite3.Error as error:
        raise _explained(conn, text, error) from error


def _carry_out_each(conn: sa.Connection, text: str, rows: list[Values]) -> None:
    if conn.dialect.name != "sqlite":
        conn.exec_driver_sql(text, rows)
        return
    try:
        conn.connection.cursor().executemany(text, rows)
    except sqlite3.Error as error:
        raise _explained(conn, text, error) from error


def _explained(conn: sa.Connection, text: str, error: sqlite3.Error) -> BaseException:
    """As SQLAlchemy would raise it."""
    return sa.exc.DBAPIError.instance(text, None, error, sqlite3.Error, dialect=conn.dialect)
