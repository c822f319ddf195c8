"""A fault of one campaign is that campaign's alone; it is told, and tried again."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from dialer.domain.errors import BadInput, DialerError
from dialer.domain.results import ResultLine
from dialer.engine.events import CampaignFailing, CampaignPart
from dialer.engine.service import FAULT_REST_S
from tests.support.campaigns import Log, in_virtual_time
from tests.support.people import answering
from tests.support.service_world import service_world


@dataclass
class FailingLog(Log):
    """A results log that fails as long as it has a reason."""

    error: Exception | None = None

    async def append(self, lines: Sequence[ResultLine]) -> None:
        if self.error is not None:
            raise self.error
        await super().append(lines)


@in_virtual_time
async def test_a_campaign_that_cannot_be_made_holds_up_no_other_and_is_tried_again() -> None:
    async with service_world() as w:
        w.faults["autumn"] = BadInput("its rules cannot be read")
        await w.submit("autumn", answering(5))
        await w.submit("spring", answering(20)[10:])
        async with w.working():
            await w.until_done("spring", many=10)
            await anyio.sleep(3 * FAULT_REST_S)
            assert set(w.failing) == {("autumn", "its rules cannot be read")}
            assert len(w.failing) <= 6, "it rests between two tries"
            del w.faults["autumn"]
            await w.until_done("autumn", many=5)
            assert w.failing[-1] == ("autumn", None)


@in_virtual_time
async def test_a_campaign_that_fails_with_calls_under_way_goes_on_with_them() -> None:
    async with service_world() as w:
        log = FailingLog(error=RuntimeError("never thought of"))
        w.logs["autumn"] = log
        await w.submit("autumn", answering(30))
        await w.submit("spring", answering(40)[30:])
        async with w.working():
            await w.until_done("spring", many=10)
            await anyio.sleep(FAULT_REST_S)
            assert ("autumn", "RuntimeError('never thought of')") in w.failing
            log.error = None
            await w.until_done("autumn", many=30)
            await anyio.sleep(5)
        assert w.report.doubled_calls == 0
        assert w.report.calls == 40


@in_virtual_time
async def test_calls_go_on_without_the_results_log_which_catches_up() -> None:
    async with service_world() as w:
        log = FailingLog(error=DialerError("no room"))
        w.logs["autumn"] = log
        await w.submit("autumn", answering(20))
        async with w.working() as worker:
            await w.until_done("autumn", many=20)
            assert log.lines == []
            assert worker.of(CampaignFailing) == [CampaignFailing(CampaignPart.RESULTS_LOG, "no room")]
            log.error = None
            await anyio.sleep(10)
            assert len(log.lines) >= 40
            assert log.lines == await w.ledger.results_after(await w.id_of("autumn"), 0, 1000)
            assert worker.of(CampaignFailing)[1:] == [CampaignFailing(CampaignPart.RESULTS_LOG, None)]
            assert w.failing == []
