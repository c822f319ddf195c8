"""Jobs and configurations for campaigns in tests."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from typing import Any

import anyio

from dialer.domain.calls import CallContent, CallJob, RejectedRow
from dialer.domain.redial import RedialPolicy
from dialer.domain.screening import CampaignPolicy
from dialer.engine.attempts.placing import PlacingConfig
from dialer.engine.attempts.tracking import TrackingConfig
from dialer.engine.campaign import CampaignConfig
from dialer.simulator.account import Account

CALLER = "+12125550199"
STEADY = Account(
    concurrency_limit=50, ring_s=5.0, ring_sigma=0.0, talk_s=60.0, talk_sigma=0.0, no_answer_s=30.0
)
"""Every call takes as long as the mean: 65 s when it is answered."""
ANSWERED_S = 65.0

Rows = Sequence[CallJob | RejectedRow]


def number(ending: int, area: int = 202) -> str:
    """A number of fiction; the simulator's people behave as its last two digits say."""
    return f"+1{area}55501{ending:02d}"


def job(ending: int = 0, area: int = 202, line: int = 2, **more: Any) -> CallJob:
    """One row. `more` as in `CallJob`."""
    to_number = more.pop("to_number", number(ending, area))
    return CallJob(more.pop("key", more.get("job_id") or to_number), to_number, line=line, **more)


def answering(many: int, **more: Any) -> list[CallJob]:
    """So many people who answer, each with a number of their own."""
    return [
        job(n % 20, 201 + n // 20, line=n + 2, content=CallContent(variables={"n": str(n)}), **more)
        for n in range(many)
    ]


def config(**overrides: Any) -> CampaignConfig:
    """A campaign's configuration: fast, nobody is redialled. Any field of its parts is named as it is."""
    left = {"redial_delays": {}, **overrides}
    if "redial_delays" in left:
        left["delays"] = left.pop("redial_delays")

    def part(kind: type[Any], **defaults: Any) -> Any:
        names = {field.name for field in fields(kind)}
        return kind(**defaults | {name: left.pop(name) for name in list(left) if name in names})

    placing = part(
        PlacingConfig,
        settle_s=20.0,
        looks_max=4,
        tries_max=6,
        backoff_initial_s=1.0,
        backoff_max_s=60.0,
        key_lifetime_s=3300.0,
        api_honours_key=True,
        listing_lag_max_s=None,
    )
    tracking = part(TrackingConfig, poll_s=2.0, poll_with_webhooks_s=15.0, call_max_s=7500.0, missing_s=20.0)
    made: CampaignConfig = part(
        CampaignConfig,
        cps=20.0,
        burst_s=0.02,
        guard_s=0.005,
        slots=50,
        refresh_s=30.0,
        recover_s=5.0,
        use_paid_burst=False,
        in_flight_max=64,
        grace_s=12.0,
        placing=placing,
        tracking=tracking,
        redial=part(RedialPolicy, analysis_wait_s=0.0),
        screen=CampaignPolicy((CALLER,)),
        control_s=600.0,
    )
    assert not left, f"no such setting: {', '.join(left)}"
    return made


class Listed:
    """A source that is a list. `pause_s`: between its batches, as a queue that fills slowly."""

    name = "listed"

    def __init__(self, rows: Rows, pause_s: float = 0.0) -> None:
        self._rows = rows
        self._pause_s = pause_s

    async def batches(self, rows_max: int) -> AsyncIterator[Rows]:
        for start in range(0, len(self._rows), rows_max):
            yield self._rows[start : start + rows_max]
            await anyio.sleep(self._pause_s)
