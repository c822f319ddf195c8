"""A call is heard of after its attempt was closed as one without: the person is not rung again."""

from dataclasses import replace

import anyio
import pytest

from dialer.domain.lifecycle import AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.engine.events import AttemptClosed, AttemptUncertain
from tests.support.campaigns import in_virtual_time
from tests.support.people import STEADY, job
from tests.support.service_world import service_world


@in_virtual_time
async def test_a_call_that_was_denied_is_followed_while_the_person_waits_to_be_called_again() -> None:
    """429 although the call was made, and no try more: put back for a minute. The webhook comes after 5 s."""
    async with service_world(STEADY, "limited_after=1,only_first=1", webhooks=True) as w:
        await w.submit("spring", [job()])
        async with w.working(tries_max=1, put_back_s=60.0) as worker:
            await w.until_done("spring", many=1)
            await anyio.sleep(300)
        assert w.report.calls == 1, "the person was rung once"
        closed = worker.of(AttemptClosed)
        assert [each.state for each in closed] == [AttemptState.UNSPENT, AttemptState.ENDED]
        assert closed[-1].outcome is Outcome.REACHED
        assert worker.of(AttemptUncertain), "that it was denied is told"


@in_virtual_time
async def test_a_call_that_was_refused_is_on_record_although_the_job_is_final() -> None:
    """400 although the call was made: the job has failed, and keeps its one result; the attempt counts."""
    async with service_world(STEADY, "refused_after=1,analysis_missing=1", webhooks=True) as w:
        await w.submit("spring", [job()])
        async with w.working():
            await anyio.sleep(300)
        assert w.report.calls == 1
        assert await w.jobs("spring") == {JobState.FAILED: 1}
        counts = await w.ledger.counts(await w.id_of("spring"))
        assert counts.calls == 1, "the ledger knows the call"


@pytest.mark.parametrize("webhooks", [True, False])
@in_virtual_time
async def test_what_contradicts_nothing_is_not_recorded(webhooks: bool) -> None:
    async with service_world(replace(STEADY, concurrency_limit=60), webhooks=webhooks) as w:
        await w.submit("spring", [job(ending) for ending in range(5)])
        async with w.working() as worker:
            await w.until_done("spring", many=5)
            await anyio.sleep(300)
        assert worker.of(AttemptUncertain) == []
