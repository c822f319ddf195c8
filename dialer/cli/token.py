"""`dialer token`: makes a token for the HTTP API."""

from collections.abc import Mapping
from json import dumps as to_json
from typing import Annotated, Any

import typer

from dialer.cli import flags, formatting
from dialer.domain.errors import BadInput
from dialer.domain.rights import Right
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
Rights = Annotated[
    list[Right] | None,
    typer.Option("--right", show_default=False, help="What it may do besides. May be given several times."),
]
Campaigns = Annotated[
    list[str] | None,
    typer.Option(
        "--campaign", metavar="NAME", help="Bind it to this campaign, or with spring-* to all that begin so."
    ),
]
FromNumbers = Annotated[
    list[str] | None, typer.Option("--from", metavar="NUMBER", help="Bind its jobs to this from-number.")
]
Agents = Annotated[
    list[str] | None, typer.Option("--agent", metavar="ID", help="Bind its jobs to this agent.")
]


def token(
    name: Name,
    role: ItsRole,
    right: Rights = None,
    campaign: Campaigns = None,
    from_number: FromNumbers = None,
    agent: Agents = None,
    json: flags.Json = False,
) -> None:
    """Make a token for the HTTP API, and the settings lines that let it in.

    It is shown this once and kept nowhere: the settings hold its hash alone. To
    take it back, take its lines out and send dialer serve a SIGHUP.

    Examples

      dialer token crm --role submit --campaign spring --campaign 'crm-*'
      dialer token ana@example.com --role operate --json
    """
    from pydantic import ValidationError

    from dialer.settings.access import ApiToken
    from dialer.web.tokens import fingerprint, new_token

    made = new_token()
    given = {"rights": right, "campaigns": campaign, "from_numbers": from_number, "agents": agent}
    bounds: dict[str, Any] = {key: tuple(values) for key, values in given.items() if values}
    try:
        entry = ApiToken(name=name, role=role, sha256=fingerprint(made), **bounds)
    except ValidationError as error:
        raise BadInput(_wrong(name, error.errors(include_url=False, include_context=False)[0])) from None
    lines = entry.model_dump(mode="json", exclude_unset=True)
    if json:
        formatting.echo_json({"token": made, **lines})
        return
    formatting.echo(made, "")
    formatting.echo("This is the token. It is shown this once: give it to its user, for")
    formatting.echo("`Authorization: Bearer TOKEN`. These lines in the settings let it in:", "")
    formatting.echo("[[api.tokens]]")
    for key, value in lines.items():
        formatting.echo(f"{key} = {to_json(value, ensure_ascii=False)}")


def _wrong(name: str, error: Mapping[str, Any]) -> str:
    if error["loc"] == ("name",):
        return f"NAME {name!r} must be a letter or digit, then at most 63 letters, digits or . _ @ -"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"the token's {error['loc'][0]} {said}" if error["loc"] else f"the token {said}"
