"""What happens in one run, all of it drawn from one integer before anything starts.

What the account does stays within what the engine is told of it: if keys are ignored, then calls are listed
and late ones are made within the settle time, or within the listing's lag that the engine is told of.
Anything else is a set-up in which no client could keep the promises.
"""

from dataclasses import dataclass, replace
from random import Random

from dialer.domain.breakers import BreakerRules
from dialer.domain.outcomes import Outcome
from dialer.domain.redial import RedialPolicy
from dialer.domain.resting import RestRule
from dialer.domain.screening import CampaignPolicy
from dialer.engine.attempts.placing import PlacingConfig
from dialer.engine.attempts.tracking import TrackingConfig
from dialer.engine.campaign import CampaignConfig
from dialer.simulator.account import Account, ConcurrencyRefusal, RateRefusal
from dialer.simulator.faults import Faults
from tests.simulation import troubles
from tests.simulation.acts import Act, draw_acts
from tests.simulation.crash import Crash, Moment
from tests.simulation.rows import Rows, draw_readings
from tests.simulation.troubles import NEAR, Change
from tests.simulation.wire import Ways

EPOCH_S = 1_800_000_000.0
FROM_NUMBERS = ("+12125550199", "+13125550199")
QUICK_BREAKERS = BreakerRules(
    flagged=RestRule(after=1, first_s=60.0, max_s=600.0),
    provider=RestRule(after=3, first_s=10.0, max_s=120.0),
)
LIVES_MAX = 5
HELD = 0.12
"""The ratio of runs in which the line is held for long."""
ROWS_MIN = 6
KEY_SLACK_S = 5.0
"""The account forgets a key so long after the engine no longer trusts it."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process, from its start to its crash, its stop or the end of its work; then nobody runs."""

    slots: int
    crash: Crash | None = None
    stop_after_s: float | None = None
    down_s: float = 1.0
    step_s: float = 0.0
    """How far the wall clock steps while nobody runs."""


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    readings: tuple[Rows, ...]
    """What each life reads; the last one is read for ever after."""
    account: Account
    faults: Faults
    lives: tuple[Life, ...]
    """Those of the stormy part. Afterwards faults stop, and the campaign runs to its end."""
    changes: tuple[Change, ...]
    steps: tuple[tuple[float, float], ...]
    """The dialer's wall clock steps: the loop's time, and seconds."""
    config: CampaignConfig
    timeout_s: float
    keepalive: bool
    hears_webhooks: bool
    honours_dnc: bool
    batch_rows: int
    in_file: bool
    """The ledger is a file, opened anew by each life; else it stays in memory."""
    torn_bytes: int
    """A crash takes so many from the end of the results log."""
    ways: Ways = NEAR
    acts: tuple[Act, ...] = ()
    """What operators do, in order."""


def draw(seed: int) -> Plan:
    """The plan of this seed."""
    chance = Random(f"simulation/{seed}")
    honoured = chance.random() < 0.5
    settle_s = chance.choice((5.0, 10.0, 20.0, 30.0))
    slots = chance.choice((1, 2, 4, 8, 16, 30))
    account = _account(chance, slots, settle_s, honoured)
    config = _config(chance, slots, settle_s, account, honoured)
    faults = troubles.draw_faults(chance, settle_s - account.listing_lag_s, honoured)
    faults = troubles.contradict(Random(f"contradictions/{seed}"), faults, honoured)
    lives = tuple(_life(chance, slots) for _ in range(chance.randint(1, LIVES_MAX)))
    horizon_s = chance.choice((60.0, 300.0, 1500.0))
    readings = draw_readings(chance, len(lives) + 1, EPOCH_S)
    changes = troubles.draw_changes(chance, account, faults, horizon_s, honoured)
    acts: tuple[Act, ...] = ()
    back: tuple[tuple[float, float], ...] = ()
    numbers = [row.to_number for row in readings[0].jobs if row.to_number]
    if (swarm := chance.random()) < HELD:
        faults, changes, acts = troubles.draw_held(chance, numbers)
        back = troubles.draw_steps_back(Random(f"back/{seed}"), changes[0].at)
        config = replace(
            config, placing=replace(config.placing, tries_max=5, looks_max=6, key_lifetime_s=60.0)
        )
    elif swarm < 0.45:
        acts, config = draw_acts(chance, numbers, horizon_s, slots), replace(config, control_s=2.0)
    elif honoured and swarm < 0.55:
        faults, acts = troubles.draw_denied(Random(f"denied/{seed}"))
        config = replace(config, placing=replace(config.placing, looks_max=1))
    account, others = troubles.share(Random(f"shared/{seed}"), account, horizon_s)
    changes = tuple(sorted((*changes, *others), key=lambda change: change.at))
    key_life_s = config.placing.key_lifetime_s + troubles.held_s(changes, faults) + KEY_SLACK_S
    account = replace(account, key_life_s=key_life_s)
    dnc = frozenset(row.to_number for row in readings[0].jobs if row.to_number and chance.random() < 0.03)
    plan = Plan(
        seed,
        readings,
        replace(account, do_not_call=dnc),
        faults,
        lives,
        changes,
        tuple(sorted((*troubles.draw_steps(chance, horizon_s), *back))),
        config,
        timeout_s=chance.choice((10.0, 30.0, 120.0)),
        keepalive=chance.random() < 0.9,
        hears_webhooks=chance.random() < 0.6,
        honours_dnc=chance.random() < 0.3,
        batch_rows=chance.choice((7, 25, 200)),
        in_file=chance.random() < 0.05,
        torn_bytes=chance.choice((0, 0, 1, 40, 700)),
        ways=troubles.draw_ways(chance),
        acts=acts,
    )
    if not config.placing.api_honours_key:
        plan = _with_a_bound_on_the_lag(chance, plan)
    return plan if swarm < HELD else _smaller(Random(f"size/{seed}"), plan)


def _smaller(chance: Random, plan: Plan) -> Plan:
    """Most runs are small, so that many cost little: some rows of the file, and a crash so much earlier."""
    whole = max(len(reading.rows) for reading in plan.readings)
    rows = max(ROWS_MIN, int(whole * chance.choice((0.2, 0.3, 0.4, 0.6, 1.0))))
    return replace(
        plan,
        readings=tuple(Rows(reading.rows[:rows]) for reading in plan.readings),
        lives=tuple(
            replace(life, crash=replace(life.crash, nth=max(1, life.crash.nth * rows // whole)))
            if life.crash is not None and life.crash.nth > ROWS_MIN
            else life
            for life in plan.lives
        ),
    )


def _with_a_bound_on_the_lag(chance: Random, plan: Plan) -> Plan:
    """Keys are ignored and the engine is told so: calls are listed within a bound, if it is told one."""
    placing, account = plan.config.placing, plan.account
    later_s = placing.settle_s * chance.choice((0.0, 0.5, 3.0, 9.0))
    account = replace(account, listing_lag_s=account.listing_lag_s + later_s)
    if chance.random() < 0.8:
        placing = replace(placing, listing_lag_max_s=placing.settle_s + later_s)
    return replace(plan, account=account, config=replace(plan.config, placing=placing))


def _account(chance: Random, slots: int, settle_s: float, honoured: bool) -> Account:
    rate = chance.choice((None, None, 1.0, 5.0))
    return Account(
        concurrency_limit=chance.choice((slots, slots + 5, max(1, slots // 2))),
        reserved_inbound_concurrency=chance.choice((0, 0, 0, 1)) if slots > 4 else 0,
        concurrency_refusal=chance.choice(list(ConcurrencyRefusal)),
        calls_per_second=rate,
        rate_refusal=chance.choice(list(RateRefusal)),
        idempotency=honoured,
        listing_lag_s=settle_s * chance.choice((0.0, 0.3, 0.9)),
        lists_registered=not honoured or chance.random() < 0.7,
        latency_s=chance.choice((0.0, 0.05, 0.3, 2.0)),
        ring_s=chance.choice((4.0, 10.0)),
        talk_s=chance.choice((15.0, 40.0)),
        no_answer_s=20.0,
        max_call_s=chance.choice((120.0, 400.0)),
        webhook_delay_s=chance.choice((0.05, 0.3)),
    )


def _config(chance: Random, slots: int, settle_s: float, account: Account, honoured: bool) -> CampaignConfig:
    queued_s = slots / (account.calls_per_second or 1.0) + 1
    return CampaignConfig(
        cps=chance.choice((0.5, 1.0, 2.5, 5.0, 20.0)),
        burst_s=chance.choice((0.02, 0.2)),
        guard_s=0.005,
        slots=slots,
        refresh_s=chance.choice((30.0, 120.0)),
        recover_s=5.0,
        use_paid_burst=False,
        in_flight_max=chance.choice((1, 4, 32)),
        grace_s=chance.choice((1.0, 12.0)),
        placing=PlacingConfig(
            settle_s=settle_s,
            looks_max=chance.randint(1, 4),
            tries_max=chance.randint(1, 5),
            backoff_initial_s=1.0,
            backoff_max_s=chance.choice((10.0, 60.0)),
            key_lifetime_s=chance.choice((60.0, 3300.0)),
            # whoever knows that keys are ignored may say so, or not
            api_honours_key=honoured or chance.random() < 0.7,
            listing_lag_max_s=None,
        ),
        tracking=TrackingConfig(
            poll_s=chance.choice((3.0, 8.0)),
            poll_with_webhooks_s=chance.choice((10.0, 30.0)),
            call_max_s=account.max_call_s + account.no_answer_s + queued_s + 60,
            missing_s=settle_s,
        ),
        redial=_redial(chance),
        screen=CampaignPolicy(FROM_NUMBERS[: chance.randint(1, 2)], breakers=QUICK_BREAKERS),
        control_s=600.0,
        limit=None,
    )


def _redial(chance: Random) -> RedialPolicy:
    soon_s, later_s = chance.choice((20.0, 120.0)), chance.choice((300.0, 1200.0))
    return RedialPolicy(
        attempts_max=chance.randint(1, 4),
        put_back_s=chance.choice((5.0, 30.0)),
        put_back_max_s=120.0,
        put_backs_max=chance.choice((3, 20)),
        delays={
            Outcome.BUSY: (soon_s, later_s),
            Outcome.NO_ANSWER: (later_s, later_s * 2),
            Outcome.VOICEMAIL: (later_s,),
            Outcome.DECLINED: (later_s,),
            Outcome.DIAL_FAILED: (soon_s,),
            Outcome.PROVIDER_UNAVAILABLE: (soon_s, soon_s, later_s),
            Outcome.SPAM_BLOCKED: (later_s,),
            Outcome.PLATFORM_FAULT: (soon_s,),
        },
    )


def _life(chance: Random, slots: int) -> Life:
    crash, stop_after_s = None, None
    how = chance.random()
    if how < 0.75:
        crash = Crash(
            moment=chance.choice(list(Moment)),
            nth=chance.choice((chance.randint(1, 6), chance.randint(1, 40), chance.randint(40, 200))),
            after_s=chance.uniform(0.0, chance.choice((5.0, 120.0))),
            commits=chance.random() < 0.5,
        )
    elif how < 0.9:
        stop_after_s = chance.uniform(0.0, chance.choice((5.0, 200.0)))
    return Life(
        slots=slots if chance.random() < 0.8 else max(1, slots // 2),
        crash=crash,
        stop_after_s=stop_after_s,
        down_s=chance.choice((0.01, 0.5, 3.0, 45.0, 900.0, 4000.0, 9000.0)),
        step_s=chance.choice(troubles.STEPS_S) if chance.random() < 0.15 else 0.0,
    )
