"""`dialer token`: makes a token for the HTTP API."""

from typing import Annotated

import typer

from dialer.cli import flags, formatting
from dialer.domain.errors import BadInput
from dialer.web.tokens import Role

Name = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="Who will use it, for the record.")
]
ItsRole = Annotated[
    Role,
    typer.Option(
        "--role", show_default=False, help="read; submit may also give jobs; operate also pauses and changes."
    ),
]


def token(name: Name, role: ItsRole, json: flags.Json = False) -> None:
    """Make a token for the HTTP API, and the settings lines that let it in.

    It is shown this once and kept nowhere: the settings hold its hash alone. To
    take it back, take its lines out and send dialer serve a SIGHUP.

    Examples

      dialer token crm --role submit
      dialer token ana@example.com --role operate --json
    """
    from pydantic import ValidationError

    from dialer.settings.access import ApiToken
    from dialer.web.tokens import fingerprint, new_token

    made = new_token()
    try:
        entry = ApiToken(name=name, role=role, sha256=fingerprint(made))
    except ValidationError:
        raise BadInput(
            f"NAME {name!r} must be a letter or digit, then at most 63 letters, digits or . _ @ -"
        ) from None
    if json:
        formatting.echo_json({"token": made, **entry.model_dump(mode="json")})
        return
    formatting.echo(made, "")
    formatting.echo("This is the token. It is shown this once: give it to its user, for")
    formatting.echo("`Authorization: Bearer TOKEN`. These lines in the settings let it in:", "")
    formatting.echo("[[api.tokens]]")
    for key, value in entry.model_dump(mode="json").items():
        formatting.echo(f'{key} = "{value}"')
