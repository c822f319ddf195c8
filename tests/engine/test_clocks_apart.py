"""The API's wall clock, or ours, is an hour off: only what it dates differs."""

from dataclasses import replace
from datetime import datetime

import pytest

from dialer.domain.lifecycle import JobState
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import STEADY, answering

LOSES_ANSWERS = "drop_before=0.3,drop_after=0.3,rate_limited=0.2,only_first=1"


@pytest.mark.parametrize("api_ahead_s", [3600.0, -3600.0])
@in_virtual_time
async def test_a_clock_an_hour_off_changes_no_call(api_ahead_s: float) -> None:
    """No end of a call, no settle time and no pace hangs on whose clock is right."""
    account = replace(STEADY, talk_s=100.0)
    async with world(account, LOSES_ANSWERS, api_ahead_s=api_ahead_s) as w:
        p = await w.run(answering(30))
        assert p.jobs == {JobState.DONE: 30}
        assert set(w.report.calls_per_number.values()) == {1}
        assert p.tally.uncertain > 0
        for line in w.log.of("attempt"):
            if line["call_id"] is not None:
                ours, theirs = (datetime.fromisoformat(line[name]) for name in ("closed_at", "ended_at"))
                assert (theirs - ours).total_seconds() == pytest.approx(api_ahead_s, abs=5.0)
                assert line["duration_s"] == 100.0


@pytest.mark.parametrize("api_ahead_s", [3600.0, -3600.0])
@in_virtual_time
async def test_webhooks_signed_an_hour_off_are_refused_and_not_needed(api_ahead_s: float) -> None:
    async with world(webhooks=True, api_ahead_s=api_ahead_s) as w:
        p = await w.run(answering(5))
        assert p.jobs == {JobState.DONE: 5}
        assert w.report.webhooks.get("sent", 0) == 0
        assert w.report.webhooks["failed"] > 0
