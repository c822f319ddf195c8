"""The ledger's own clock, by which it is judged whether an attempt that is open may still be a live call.

A server's clock where there is a server, whoever asks. Of a file it is that of the one process that dials
from it: the wall clock as it was when the ledger was opened, and since then the loop's. So a step of a wall
clock ends no call.
"""

import asyncio

import sqlalchemy as sa

from dialer.ports.engine import Clock

TIME = "dialer_time"
"""In a SQLite connection's `info`: the function that gives the ledger's time."""

_SERVERS = "SELECT extract(epoch FROM clock_timestamp())::float8"
_MACHINES = "SELECT (julianday('now') - 2440587.5) * 86400.0"


def ledger_time(conn: sa.Connection) -> float:
    """Unix seconds."""
    if conn.dialect.name == "postgresql":
        return float(conn.exec_driver_sql(_SERVERS).scalar_one())
    steady = conn.info.get(TIME)
    # who opened it without one only asks, or dials nobody
    return float(conn.exec_driver_sql(_MACHINES).scalar_one() if steady is None else steady())


def keep_time(conn: sa.Connection, clock: Clock | None) -> None:
    """From now on this SQLite connection's time passes as the loop's does. `clock`: None: the machine's."""
    loop = asyncio.get_running_loop()
    if clock is None:
        cursor = conn.connection.cursor()  # outside of a transaction
        now = float(cursor.execute(_MACHINES).fetchone()[0])
        cursor.close()
    else:
        now = clock.now()
    ahead_s = now - loop.time()
    conn.info[TIME] = lambda: ahead_s + loop.time()
