"""What a campaign needs of this machine: folders to write to, addresses to listen on."""

import os
import socket
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import anyio.to_thread

from dialer.adapters.ledger.reports.probe import nearest_folder
from dialer.commands.doctor.findings import Finding, Mark
from dialer.settings import Settings
from dialer.settings.catalogue import FIELDS

LISTENS = tuple(dotted for dotted in FIELDS if dotted.endswith(".listen"))


async def results(settings: Settings) -> Sequence[Finding]:
    """The folder of results and rejected rows."""
    folder = settings.results.folder
    if folder is None:
        return [Finding("results", Mark.SKIPPED, "results.dir is empty: no results log is written")]
    trouble = await anyio.to_thread.run_sync(_write_trouble, folder, abandon_on_cancel=True)
    if trouble is not None:
        way_out = "make it writable for this user, or name another with --results"
        return [Finding("results", Mark.BAD, f"{folder} cannot be written: {trouble}", way_out)]
    there = "" if folder.exists() else ", which is made when it is needed"
    return [Finding("results", Mark.GOOD, f"{folder}{there}")]


def _write_trouble(folder: Path) -> str | None:
    nearest = nearest_folder(folder.absolute())
    if not nearest.is_dir():
        return f"{nearest} is not a folder"
    if nearest != folder.absolute():
        return None if os.access(nearest, os.W_OK | os.X_OK) else f"no folder can be made in {nearest}"
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


async def addresses(settings: Settings) -> Sequence[Finding]:
    """Each address that something is to listen on is free, also of the others."""
    return await anyio.to_thread.run_sync(_look, settings, abandon_on_cancel=True)


def _look(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    with ExitStack() as held:
        for dotted in LISTENS:
            section, _, name = dotted.partition(".")
            is_api = dotted == "api.listen"  # it has an address without being told one
            listen = settings.api.address if is_api else getattr(getattr(settings, section), name)
            found.append(_address(dotted, listen, held))
    return found


def _address(dotted: str, listen: str | None, held: ExitStack) -> Finding:
    check = dotted.partition(".")[0]
    if listen is None:
        return Finding(check, Mark.SKIPPED, f"{dotted} is not set")
    host, _, port = listen.rpartition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = held.enter_context(socket.socket(family, kind, protocol))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1)  # else two could be bound to one
    except OSError as error:
        said = f"{dotted} {listen}: cannot listen there: {error.strerror}"
        return Finding(check, Mark.BAD, said, "stop who listens there, or name another address", passes=True)
    return Finding(check, Mark.GOOD, f"{listen} is free")
