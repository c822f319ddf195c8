"""`dialer simulator`: a pretended Retell on a port of this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli import formatting
from dialer.domain.errors import BadInput, DialerError

if TYPE_CHECKING:
    from dialer.simulator.account import Account
    from dialer.simulator.faults import Faults

SPEED_MAX = 10_000.0
ACCOUNT = "Account"
WRONG = "What goes wrong"

Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65_535, help="0: any free one.")]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Another seed, another day.")]
Speed = Annotated[
    float,
    typer.Option("--speed", metavar="N", min=1.0, max=SPEED_MAX, help="How many times faster time passes."),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the report there too, as JSON.")
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", metavar="N", min=1, rich_help_panel=ACCOUNT, help="Calls at once.")
]
Cps = Annotated[
    float | None,
    typer.Option(
        "--cps", metavar="N", min=0.01, rich_help_panel=ACCOUNT, help="Calls per second; else no limit."
    ),
]
Unpaid = Annotated[
    bool,
    typer.Option("--unpaid", metavar="", rich_help_panel=ACCOUNT, help="Answer 402, as if a bill were open."),
]
WebhookUrl = Annotated[
    str | None,
    typer.Option("--webhook-url", metavar="URL", rich_help_panel=ACCOUNT, help="Where to send events."),
]
Latency = Annotated[
    float,
    typer.Option("--latency", metavar="S", min=0.0, rich_help_panel=WRONG, help="Seconds to each answer."),
]
ListingLag = Annotated[
    float,
    typer.Option(
        "--listing-lag", metavar="S", min=0.0, rich_help_panel=WRONG, help="Seconds until a call is listed."
    ),
]
IgnoreKeys = Annotated[
    bool,
    typer.Option("--ignore-keys", metavar="", rich_help_panel=WRONG, help="Do not keep idempotency keys."),
]
FaultList = Annotated[
    str,
    typer.Option(
        "--faults", metavar="LIST", rich_help_panel=WRONG, help="Ratios, as rate_limited=0.2,drop_after=0.05."
    ),
]


def simulator(
    port: Port = 8787,
    host: Host = "127.0.0.1",
    seed: Seed = 1,
    speed: Speed = 1.0,
    report: Report = None,
    concurrency: Concurrency = 20,
    cps: Cps = None,
    unpaid: Unpaid = False,
    webhook_url: WebhookUrl = None,
    latency: Latency = 0.0,
    listing_lag: ListingLag = 0.0,
    ignore_keys: IgnoreKeys = False,
    faults: FaultList = "",
) -> None:
    r"""Serve a pretended Retell until Ctrl-C, then print what it has seen as JSON.

    Nobody is called. The last two digits of a number say who answers: 00
    answers, 36 does not, 42 is busy. The key of this account is sim-key.

    Examples

      dialer simulator --cps 5 --concurrency 10
      dialer simulator --faults rate_limited=0.2 --report seen.json
      RETELL_API_KEY=sim-key DIALER_RETELL__BASE_URL=http://127.0.0.1:8787 \
        dialer run leads.csv --from +12125550100
    """
    from dialer.simulator.account import Account

    account = Account(
        concurrency_limit=concurrency,
        calls_per_second=cps,
        paid=not unpaid,
        webhook_url=webhook_url,
        latency_s=latency,
        listing_lag_s=listing_lag,
        idempotency=not ignore_keys,
    )
    _tell(_serve(account, parse_faults(faults), host, port, seed, speed), report)


def _tell(seen: str, report: Path | None) -> None:
    formatting.echo(*seen.splitlines())
    try:
        if report is not None:
            report.write_text(seen + "\n")
    except OSError as error:
        raise DialerError(f"--report: {report} cannot be written: {error.strerror}") from None


def parse_faults(text: str) -> "Faults":
    """The faults of `--faults`. Raises `BadInput`."""
    from dialer.simulator.faults import Faults

    try:
        return Faults.parse(text)
    except ValueError as error:
        raise BadInput(f"--faults: {error}") from None


def _serve(account: "Account", faults: "Faults", host: str, port: int, seed: int, speed: float) -> str:
    """Serve until a signal; gives the report."""
    import asyncio
    import signal

    import anyio

    from dialer.adapters.system.clock import LoopClock, SystemClock
    from dialer.app.clock_loop import run
    from dialer.simulator.server import Simulator

    async def main() -> str:
        clock = LoopClock(SystemClock().now(), asyncio.get_running_loop())
        simulator = Simulator(account, faults, seed=seed, now=clock.now, signs_at=SystemClock().now)
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with simulator.serve(host, port):
                formatting.echo(simulator.url)
                async for _ in signals:
                    break
        return simulator.report().to_json()

    try:
        return run(main, speed=speed)
    except OSError as error:
        raise BadInput(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
