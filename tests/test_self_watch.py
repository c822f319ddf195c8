"""What a worker tells of itself: a clock that was set, a loop that came late, a ledger that is silent."""

from dataclasses import dataclass

import anyio

from dialer.app.clock_loop import run_virtual
from dialer.telemetry.self_watch import LATE_S, STEP_S, Notice, SelfWatch


@dataclass
class Machine:
    """Its wall clock and when the ledger answered; the loop's time is virtual."""

    set_s: float = 1_795_000_000.0
    heard_at: float | None = None
    is_silent: bool = False

    def now(self) -> float:
        return anyio.current_time() + self.set_s

    def heard(self) -> float | None:
        if not self.is_silent:
            self.heard_at = anyio.current_time()
        return self.heard_at


def told(act: dict[float, object]) -> list[tuple[Notice, float]]:
    """`act`: at which second which attribute of the machine changes by what."""
    machine, seen = Machine(), list[tuple[Notice, float]]()

    async def main() -> None:
        watch = SelfWatch(machine, machine.heard, lambda: 10.0, lambda what, s: seen.append((what, round(s))))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.run)
            began = anyio.current_time()
            for at, change in act.items():
                await anyio.sleep(began + at - anyio.current_time())
                match change:
                    case float():
                        machine.set_s += change
                    case bool():
                        machine.is_silent = change
            await anyio.sleep(3.0)
            tasks.cancel_scope.cancel()

    run_virtual(main)
    return seen


def test_a_clock_that_was_set_is_told_within_a_second_and_a_slow_drift_is_not() -> None:
    assert told({5.5: 3600.0, 8.5: -3600.0}) == [(Notice.CLOCK_STEPPED, 3600), (Notice.CLOCK_STEPPED, -3600)]
    assert told(dict.fromkeys(range(2, 20), STEP_S / 2)) == []


def test_a_ledger_that_is_silent_for_a_lease_is_told_and_that_it_answers_again() -> None:
    assert told({3.0: True, 20.0: False}) == [(Notice.LEDGER_LOST, 11), (Notice.LEDGER_REACHED, 0)]
    assert told({3.0: True, 10.0: False}) == []
    assert LATE_S < 10.0
