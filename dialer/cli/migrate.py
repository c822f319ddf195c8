"""`dialer migrate`: a ledger of an older version becomes one of this program's."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import exits, flags, formatting

if TYPE_CHECKING:
    from dialer.adapters.ledger.schema.upgrade import Migration

Check = Annotated[
    bool,
    typer.Option("--check", metavar="", help="Change nothing; exit code 1 if there is something to be done."),
]


def migrate(
    check: Check = False,
    ledger: flags.Ledger = None,
    config: flags.Config = None,
    secrets_dir: flags.SecretsDir = None,
    json: flags.Json = False,
) -> None:
    """Bring a ledger to this program's version, and say what was done.

    Whoever dials from a ledger does the same at its start. In PostgreSQL it may
    be done before, while workers of one version older go on; an empty schema
    becomes a ledger. One that is newer than this program is refused.

    Examples

      dialer migrate --check
      dialer migrate --ledger postgresql://dialer@db/dialer
    """
    from dialer.commands.migrate import migrate_ledger

    loaded = flags.settings(config, secrets_dir, {"ledger.url": ledger})
    done = migrate_ledger(loaded, check=check)
    if json:
        formatting.echo_json(_as_dict(done))
    else:
        _print(loaded.settings.ledger.url, done, check)
    if check and done.is_needed:
        raise typer.Exit(exits.FAILED)


def _as_dict(done: "Migration") -> dict[str, Any]:
    from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION

    steps = [{"version": step.version, "what": step.what} for step in done.steps]
    return {"before": done.before, "after": SCHEMA_VERSION, "needed": done.is_needed, "steps": steps}


def _print(url: str, done: "Migration", check: bool) -> None:
    from dialer.adapters.ledger.schema.tables import SCHEMA_VERSION
    from dialer.settings.problems import without_password

    would = "would be" if check else "is"
    name = without_password(url)
    if not done.is_needed:
        formatting.echo(f"ledger {name} is up to date (version {SCHEMA_VERSION})")
        return
    if done.before is None:
        formatting.echo(f"ledger {name} {would} made, of version {SCHEMA_VERSION}")
        return
    formatting.echo(f"ledger {name} {would} brought from version {done.before} to {SCHEMA_VERSION}:")
    for step in done.steps:
        formatting.echo(f"  {step.version}  {step.what}")
