"""The ledger: what is there, by which program it was made, how long a commit takes."""

from collections.abc import Sequence
from pathlib import Path

from dialer.adapters.ledger.drivers.server import is_server
from dialer.adapters.ledger.reports.probe import Found, probe_file
from dialer.adapters.ledger.reports.probe_server import probe_server
from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
from dialer.adapters.ledger.schema.versions import newer
from dialer.adapters.system.clock import SystemClock
from dialer.commands.doctor.findings import Finding, Mark, beside
from dialer.domain.errors import BadInput, LedgerError
from dialer.settings import Settings
from dialer.settings.problems import without_password

COMMIT_S_GOOD = 0.02
"""A claim takes up to two commits; what they take longer is felt in the pace of calls."""
MIGRATE = "`dialer migrate` brings it to this program's version, and so does the next run"


async def ledger(settings: Settings) -> Sequence[Finding]:
    """What there is at `ledger.url`, and how fast it would be."""
    url = settings.ledger.url
    try:
        found = await (probe_server(url, SystemClock().now) if is_server(url) else probe_file(Path(url)))
    except (LedgerError, BadInput) as error:
        return [Finding("ledger", Mark.BAD, str(error), passes=is_server(url))]
    return [_there(without_password(url), found), *_speed(found, on_server=is_server(url)), *_clock(found)]


def _there(url: str, found: Found) -> Finding:
    if found.version is not None and found.version > SCHEMA_VERSION:
        return Finding("ledger", Mark.BAD, newer(url, found.version))
    if found.cannot_write is not None:
        said = f"{url} cannot be written: {found.cannot_write}"
        return Finding("ledger", Mark.BAD, said, "make it writable for this user, or name another")
    if found.version is None:
        return Finding("ledger", Mark.GOOD, f"{url}: not created yet; the first run creates it")
    said = f"{url}: of version {found.version}"
    if found.version < SCHEMA_VERSION:
        return Finding("ledger", Mark.DOUBTFUL, f"{said}, this program's is {SCHEMA_VERSION}", MIGRATE)
    return Finding("ledger", Mark.GOOD, said)


def _speed(found: Found, *, on_server: bool) -> Sequence[Finding]:
    if found.cannot_write is not None:
        return []
    if found.commit_s is None:
        return [Finding("commit", Mark.SKIPPED, "this user may not do what would be timed")]
    there = "" if found.round_trip_s is None else f" (network {_ms(found.round_trip_s)})"
    said = f"{_ms(found.commit_s)}{there}"
    if found.commit_s <= COMMIT_S_GOOD:
        return [Finding("commit", Mark.GOOD, said)]
    slow = f"{said}: more than {COMMIT_S_GOOD * 1000:.0f} ms slows the pace of calls"
    way_out = "a server nearby, with its log on a fast disk" if on_server else "a local disk, no network's"
    return [Finding("commit", Mark.DOUBTFUL, slow, f"keep the ledger on {way_out}")]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.0001 else "less than 0.1 ms"


def _clock(found: Found) -> Sequence[Finding]:
    if found.server_now is None or found.asked_at is None or found.round_trip_s is None:
        return []
    ahead_s = found.asked_at - found.server_now
    return [beside("ledger's clock", "the PostgreSQL server's", ahead_s, found.round_trip_s / 2)]
