"""Running on the built-in simulator: its account, its clock, its places."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.adapters.system.clock import SystemClock
from dialer.domain.errors import BadInput
from dialer.ports.engine import Clock
from dialer.settings import Loaded, Settings
from dialer.simulator.account import SIMULATED_KEY, Account
from dialer.simulator.faults import Faults
from dialer.simulator.population import Population
from dialer.simulator.server import Simulator

SIMULATED_DIR = Path("simulated")
"""A simulation's ledger and results, unless told otherwise: never among the real ones, new each time."""
SIMULATED_FROM = "+12125550199"
"""The from-number of a simulation that was given none."""
WORK_BEGINS = time(10)


@dataclass(frozen=True, slots=True)
class Simulation:
    """Dial on the built-in simulator."""

    speed: float | None = 60.0
    """How much faster time passes; None: as fast as the machine can, and the same for the same seed."""
    start: float | None = None
    """Unix seconds when the campaign begins; None: 10:00 on the next working day in its zone."""
    seed: int = 1
    faults: str = ""
    """As `dialer simulator --faults`."""
    people: Population | None = None
    """Who is drawn for a number; None: its last two digits say it."""

    def epoch(self, settings: Settings) -> float:
        """Unix seconds when the simulated clock begins."""
        if self.start is not None:
            return self.start
        return next_working_morning(SystemClock().now(), ZoneInfo(settings.campaign.timezone))


def next_working_morning(now: float, zone: ZoneInfo) -> float:
    """10:00 local on the next Monday to Friday after today, as Unix seconds."""
    day = datetime.fromtimestamp(now, zone).date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime.combine(day, WORK_BEGINS, zone).timestamp()


def has_own_ledger(loaded: Loaded) -> bool:
    """Whether a simulation keeps its ledger in the place of its own, where it begins anew each time."""
    return loaded.origins["ledger.url"] == "default"


def fresh_places(loaded: Loaded) -> Settings:
    """The settings for a simulation: places of its own where none were named, a webhook receiver, a number.

    What an earlier simulation left in those places is removed, since its simulated world is gone.
    """
    settings = loaded.settings
    changed: dict[str, object] = {}
    if has_own_ledger(loaded):
        ledger = SIMULATED_DIR / "dialer.db"
        for path in (ledger, *(ledger.with_name(ledger.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)
        changed["ledger"] = settings.ledger.model_copy(update={"url": str(ledger)})
        if loaded.origins["results.dir"] == "default":
            for ending in ("jsonl", "last", "rejects.csv"):
                for path in SIMULATED_DIR.glob(f"*.{ending}"):
                    path.unlink()
            changed["results"] = settings.results.model_copy(update={"dir": str(SIMULATED_DIR)})
    listen = settings.webhooks.listen or "127.0.0.1:0"
    # the simulator signs with its own key, whatever the real account's are
    changed["webhooks"] = settings.webhooks.model_copy(update={"listen": listen, "keys": ()})
    if not (settings.from_numbers or settings.lines):
        changed["from_numbers"] = (SIMULATED_FROM,)
    return settings.model_copy(update=changed)


@asynccontextmanager
async def simulated(
    settings: Settings, simulation: Simulation | None, clock: Clock
) -> AsyncIterator[Simulator | None]:
    """The simulator, served on a port of this machine; None if the real API is meant.

    Its account has as many slots as the settings ask for, so that they can be seen to be used.
    """
    if simulation is None:
        yield None
        return
    try:
        faults = Faults.parse(simulation.faults)
    except ValueError as error:
        raise BadInput(f"--faults: {error}") from error
    account = Account(api_key=SIMULATED_KEY, concurrency_limit=settings.pace.slots)
    async with Simulator(
        account, faults, seed=simulation.seed, now=clock.now, population=simulation.people
    ) as simulator:
        yield simulator
