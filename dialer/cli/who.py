"""Who does something by hand, for the record."""

import getpass
import socket
from typing import Annotated

import typer

By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides; else user@host.")]


def operator(by: str | None) -> str:
    """Who it is: as given, else the user of this process and the machine."""
    if by and by.strip():
        return by.strip()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
