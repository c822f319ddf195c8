"""What `dialer run` may be told on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import flags
from dialer.domain.errors import BadInput
from dialer.domain.texts import campaign_fault

if TYPE_CHECKING:
    from dialer.app.simulation import Simulation
    from dialer.settings import Loaded
    from dialer.simulator.population import Population

SPEED_MAX = 10_000.0

Leads = Annotated[
    Path,
    typer.Argument(metavar="LEADS", show_default=False, help="CSV file: one row for each person to call."),
]
CampaignName = Annotated[
    str | None,
    typer.Option(
        "--campaign", metavar="NAME", help="The same name goes on with the same campaign; else the file's."
    ),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Stop after so many attempts.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Place real calls without asking.")]
Simulate = Annotated[
    bool,
    typer.Option(
        "--simulate",
        metavar="",
        rich_help_panel=flags.REHEARSAL,
        help="Call simulated people on a simulated API.",
    ),
]
Speed = Annotated[
    str | None,
    typer.Option(
        "--speed",
        metavar="N",
        rich_help_panel=flags.REHEARSAL,
        help="How many times faster time passes (60 if not given), or max: as fast as it can.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="ISO",
        rich_help_panel=flags.REHEARSAL,
        help="When it begins, as 2025-11-24T09:00, in the campaign's zone unless it names one.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", rich_help_panel=flags.REHEARSAL, help="Another seed, another day; 1."
    ),
]
Faults = Annotated[
    str | None,
    typer.Option(
        "--faults",
        metavar="LIST",
        rich_help_panel=flags.REHEARSAL,
        help="What goes wrong and how often, as rate_limited=0.2,drop_after=0.05.",
    ),
]
People = Annotated[
    str | None,
    typer.Option(
        "--people",
        metavar="WHO",
        rich_help_panel=flags.REHEARSAL,
        help="Shares, as voicemail=0.4,busy=0.1; past: the ledger's so far; digits: by a number's last two.",
    ),
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The arguments and options of `dialer run`, as they were given."""

    leads: Leads
    campaign: CampaignName = None
    limit: Limit = None
    yes: Yes = False
    from_numbers: flags.From = None
    cps: flags.Cps = None
    slots: flags.Slots = None
    region: flags.Region = None
    encoding: flags.Encoding = None
    ignore_column: flags.IgnoreColumn = None
    ledger: flags.Ledger = None
    results: flags.Results = None
    webhook_listen: flags.WebhookListen = None
    metrics_listen: flags.MetricsListen = None
    metrics_file: flags.MetricsFile = None
    config: flags.Config = None
    secrets_dir: flags.SecretsDir = None
    simulate: Simulate = False
    speed: Speed = None
    start: Start = None
    seed: Seed = None
    faults: Faults = None
    people: People = None
    json: flags.Json = False
    log_format: flags.LogFormat = None
    log_level: flags.LogLevel = None

    @property
    def name(self) -> str:
        """The campaign's. Raises `BadInput` if it can be none's."""
        name = self.campaign or self.leads.stem
        fault = campaign_fault(name)
        if fault is not None:
            where = "--campaign" if self.campaign else f"{self.leads}, whose name is the campaign's,"
            raise BadInput(f"{where}: {name!r} {fault}" + ("" if self.campaign else ", or give --campaign"))
        return name

    def settings(self) -> "Loaded":
        """The settings in force. Raises `BadInput`."""
        given = {
            "from_numbers": self.from_numbers,
            "pace.cps": self.cps,
            "pace.slots": self.slots,
            "intake.region": self.region,
            "intake.encoding": self.encoding,
            "intake.ignore_columns": self.ignore_column,
            "ledger.url": self.ledger,
            "results.dir": self.results,
            "webhooks.listen": self.webhook_listen,
            "metrics.listen": self.metrics_listen,
            "metrics.file": self.metrics_file,
            "logs.format": self.log_format,
            "logs.level": self.log_level,
        }
        return flags.settings(self.config, self.secrets_dir, given)

    def simulation(self, loaded: "Loaded") -> "Simulation | None":
        """None: real calls are meant. Raises `BadInput`.

        A flag of the rehearsal without --simulate means that --simulate was forgotten.
        """
        if not self.simulate:
            for flag, value in self._rehearsal().items():
                if value is not None:
                    raise BadInput(
                        f"{flag} is for rehearsals: add --simulate, or leave it out to place real calls"
                    )
            return None
        from dialer.app.simulation import Simulation
        from dialer.cli.simulator import parse_faults

        parse_faults(self.faults or "")
        return Simulation(
            speed=60.0 if self.speed is None else _parse_speed(self.speed),
            start=None
            if self.start is None
            else parse_start(self.start, loaded.settings.campaign.timezone, "--start"),
            seed=1 if self.seed is None else self.seed,
            faults=self.faults or "",
            people=self._population(loaded),
        )

    def _population(self, loaded: "Loaded") -> "Population | None":
        """Who is drawn; None: a number's last digits say it. Raises `BadInput`."""
        from dialer.simulator.population import Population

        if self.people == "digits":
            return None
        if self.people == "past":
            from dialer.app.past import past_population

            return past_population(loaded.settings)
        try:
            return Population.parse(self.people or "")
        except ValueError as error:
            raise BadInput(f"--people: {error}") from error

    def _rehearsal(self) -> Mapping[str, Any]:
        return {
            "--speed": self.speed,
            "--start": self.start,
            "--seed": self.seed,
            "--faults": self.faults,
            "--people": self.people,
        }


def _parse_speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= SPEED_MAX:
        raise BadInput(f"--speed: {text!r} is neither a number from 1 to {SPEED_MAX:,.0f} nor max")
    return speed


def parse_start(text: str, timezone: str, flag: str) -> float:
    """Unix seconds of a flag's time, in that zone if it names none. Raises `BadInput`."""
    from zoneinfo import ZoneInfo

    try:
        start = datetime.fromisoformat(text)
        return (start if start.tzinfo else start.replace(tzinfo=ZoneInfo(timezone))).timestamp()
    except (ValueError, OverflowError):
        raise BadInput(f"{flag}: {text!r} is not a date and time such as 2025-11-24T09:00") from None
