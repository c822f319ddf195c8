"""What the API makes of a call gets into the results once, whenever and however often a webhook tells it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from dialer.domain.calls import AttemptId, CallId, CallUpdate
from dialer.engine.attempts.analyses import TOGETHER_MAX
from dialer.engine.events import AttemptClosed, CallPlaced, Event
from tests.support.campaigns import Process, World, in_virtual_time, world
from tests.support.people import ANSWERED_S, STEADY, answering, job

HEARD_LATE = replace(STEADY, analysis_s=20.0)
"""The attempt is closed long before."""
GOES_ON = {"slots": 1}
"""One after the other: somebody is called while the analysis of the one before comes."""


def analysed_calls(w: World) -> list[str]:
    """The calls of the analyses in the log."""
    return [line["call_id"] for line in w.log.of("analysis")]


def each_once(w: World, many: int) -> None:
    """So many of the calls have one analysis, behind their attempt's line, and it is the API's."""
    ends = {line["call_id"]: line for line in w.log.of("attempt")}
    for line in w.log.of("analysis"):
        end = ends[line["call_id"]]
        assert (line["attempt_id"], line["job_id"]) == (end["attempt_id"], end["job_id"])
        assert line["seq"] > end["seq"]
        assert line["analysis"]["call_summary"] == "The user was reached."
    assert set(Counter(analysed_calls(w)).values()) == {1}
    assert len(analysed_calls(w)) == many


@pytest.mark.parametrize(
    "faults", ["", "webhook_doubled=1", "webhook_late=1,webhook_late_s=30", "webhook_reordered=1"]
)
@in_virtual_time
async def test_webhooks_bring_each_analysis_once(faults: str) -> None:
    async with world(HEARD_LATE, faults, webhooks=True) as w:
        await w.run(answering(4), **GOES_ON)
        assert len(w.log.of("job")) == 4
        each_once(w, 3)  # the campaign ends with its last call, before that one's analysis comes


@in_virtual_time
async def test_what_nobody_tells_is_not_there_and_changes_nothing() -> None:
    for faults in ("webhook_lost=1", "analysis_missing=1"):
        async with world(HEARD_LATE, faults, webhooks=True) as w:
            await w.run(answering(3), **GOES_ON)
            assert (len(w.log.of("analysis")), len(w.log.of("job"))) == (0, 3)


@in_virtual_time
async def test_a_sweep_that_shows_the_analysis_with_the_end_is_enough() -> None:
    async with world(replace(STEADY, analysis_s=0.5)) as w:
        await w.run(answering(3), poll_s=30)
        each_once(w, 3)


@in_virtual_time
async def test_a_sweep_and_a_webhook_bring_it_once() -> None:
    account = replace(STEADY, analysis_s=0.5, webhook_delay_s=40.0)
    async with world(account, "webhook_doubled=1", webhooks=True) as w:
        await w.run(answering(3), poll_s=30, **GOES_ON)
        each_once(w, 3)


def analysis_of(p: Process, status: str) -> CallUpdate:
    placed = p.of(CallPlaced)[-1]
    said = {"call_summary": "The user was reached."}
    return CallUpdate(placed.call_id, status, placed.attempt.id, analysis=said)


@pytest.mark.parametrize("status", ["ongoing", "ended"])
@in_virtual_time
async def test_an_analysis_before_the_end_is_written_with_the_end(status: str) -> None:
    async with world(replace(STEADY, analysis_s=1e6)) as w:
        async with w.running([job()]) as p:
            await anyio.sleep(30)
            p.dials.heard(analysis_of(p, status))
            p.dials.heard(analysis_of(p, status))
            await anyio.sleep(0.3)
            assert len(analysed_calls(w)) == (status == "ended")
        each_once(w, 1)


@in_virtual_time
async def test_the_analysis_that_comes_between_the_end_and_its_commit() -> None:
    async with world(replace(STEADY, analysis_s=1e6)) as w:
        async with w.running([job()]) as p:
            await anyio.sleep(30)
            news = analysis_of(p, "ended")
            p.dials.heard(replace(news, analysis=None, reason="user_hangup"))
            p.dials.heard(news)
        each_once(w, 1)


@in_virtual_time
async def test_what_is_heard_at_the_very_end_is_written() -> None:
    """The campaign's last attempt has just been closed, and there is much to write."""
    async with world(replace(STEADY, analysis_s=1e6)) as w:

        def hear(event: Event) -> None:
            if isinstance(event, AttemptClosed):
                news = analysis_of(p, "ended")
                for nth in range(20 * TOGETHER_MAX):
                    p.dials.heard(replace(news, attempt_id=AttemptId(f"somebody else's {nth}")))
                p.dials.heard(news)

        async with w.running([job()], on_event=hear) as p:
            pass
        each_once(w, 1)


@in_virtual_time
async def test_an_analysis_that_comes_after_a_restart(tmp_path: Path) -> None:
    """The process that made the call is dead; the webhook, and its double, reach the next one."""
    async with world(HEARD_LATE, "webhook_doubled=1", webhooks=True, path=tmp_path) as w:
        async with w.running(answering(2), **GOES_ON) as p:
            await anyio.sleep(ANSWERED_S + 10)
            assert len(w.log.of("attempt")) == 1
            p.crash()
        assert analysed_calls(w) == []
        first = w.log.of("attempt")[0]["call_id"]
        async with w.running(answering(2), **GOES_ON):
            await anyio.sleep(20)
            assert analysed_calls(w) == [first]
        each_once(w, 1)


@in_virtual_time
async def test_an_open_call_is_analysed_by_the_next_process(tmp_path: Path) -> None:
    """What was heard and not written is heard again, with the end."""
    async with world(replace(STEADY, analysis_s=0.5), path=tmp_path) as w:
        async with w.running([job()]) as p:
            await anyio.sleep(30)
            p.dials.heard(analysis_of(p, "ongoing"))
            p.crash()
        await anyio.sleep(60)
        await w.run([job()])
        each_once(w, 1)


@in_virtual_time
async def test_another_calls_analysis_is_not_the_attempts() -> None:
    async with world(replace(STEADY, analysis_s=1e6)) as w:
        async with w.running([job()]) as p:
            await anyio.sleep(30)
            p.dials.heard(replace(analysis_of(p, "ongoing"), call_id=CallId("call_of_nobody")))
        assert analysed_calls(w) == []
        assert len(w.log.of("job")) == 1
