"""How a PostgreSQL server is spoken to, and what is said when it cannot be."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dialer.adapters.system.installed import needs_extra

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

SESSION = {
    "application_name": "dialer",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    # a process that stands still in a transaction must not stop the others
    "idle_in_transaction_session_timeout": "15s",
    # a lock whose holder's machine is gone
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "jit": "off",
}
"""For every connection to a ledger."""

DISPATCHER = 0x6469616C
WRITER = DISPATCHER + 1
PREPARER = DISPATCHER + 2
RUN = DISPATCHER + 3
"""A ledger's advisory locks, each beside its schema's name: who dials, who writes, who changes tables, who
runs a campaign (that one beside the campaign's name, too)."""
CHANGES_SCHEMA = "SELECT " + ", ".join(
    f"pg_advisory_xact_lock({lock}, hashtext(current_schema()))" for lock in (PREPARER, WRITER)
)
"""How a transaction begins that changes the schema: alone, and when nobody is writing."""


def is_server(url: str) -> bool:
    """Whether `ledger.url` means a server, and no file."""
    return url.startswith(("postgresql://", "postgres://"))


def reach(url: str, *, statement_s_max: float) -> "AbstractAsyncContextManager[AsyncConnection]":
    """As `reaching.reached`. Raises `BadInput` without the packages that it needs."""
    try:
        from dialer.adapters.ledger.drivers.reaching import reached  # what it needs is an extra
    except ImportError as error:
        raise needs_extra("a ledger in PostgreSQL", "postgres", error) from error
    return reached(url, statement_s_max=statement_s_max)


def without_secrets(url: str) -> str:
    """The URL as it may be shown."""
    try:
        return sa.make_url(url).set(query={}).render_as_string(hide_password=True)
    except (sa.exc.ArgumentError, ValueError):
        return "postgresql://…"


def in_use(name: str) -> str:
    """Another process dials from it."""
    return (
        f"ledger {name} is in use: another dialer is dialling from it. Wait for it or stop it; "
        "`dialer status` works meanwhile. `dialer serve` works on several campaigns at once"
    )


def is_run(campaign: str, name: str) -> str:
    """Another process runs the campaign."""
    return (
        f"campaign {campaign} is being run by another dialer from ledger {name}. Wait for it or stop it; "
        f"`dialer status {campaign}` works meanwhile. Other campaigns can be run beside it"
    )


def explain(name: str, error: Exception) -> str:
    """Why it cannot be opened, and the way out, if there is one that we know."""
    said = " ".join(str(getattr(error, "orig", None) or error).split()) or type(error).__name__
    match getattr(error, "sqlstate", None):
        case "3D000":
            return f"ledger {name}: {said}: create it, or name another with --ledger"
        case str(code) if code.startswith("28"):
            return f"ledger {name}: {said}: check the user and the password of its URL"
    if isinstance(error, OSError):
        return f"ledger {name}: its server does not answer ({said}): start it, or name another with --ledger"
    return f"ledger {name} cannot be opened: {said}"
