"""The same statement for many rows, compiled once.

SQLAlchemy builds each row's parameters anew, by name, which costs more than the database needs for the row.
Here that is done once per statement and dialect, and the rows are given by position. Only for statements
whose values need no conversion: numbers, text, bytes, None.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.dml import UpdateBase


def execute_many(conn: sa.Connection, statement: UpdateBase, rows: Sequence[Mapping[str, Any]]) -> None:
    """Carry the statement out for each row; all rows have the same names. Nothing happens for no rows."""
    if rows:
        sql, by_position = _compiled(statement, conn.dialect, tuple(rows[0]))
        conn.exec_driver_sql(sql, [by_position(row) for row in rows])


@lru_cache(maxsize=64)
def _compiled(
    statement: UpdateBase, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    order = compiled.positiontup
    assert order is not None and len(order) > 1  # noqa: S101, PT018 - the dialects we use bind by position
    return str(compiled), itemgetter(*order)
