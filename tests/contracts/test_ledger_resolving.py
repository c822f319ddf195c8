"""An operator settles what nobody could tell: once, written down, and the balance closes after it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random

import orjson
import pytest

from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import Attempt, AttemptId, CallId, CallJob, CampaignId
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import OPEN_ATTEMPTS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.domain.results import attempt_line
from dialer.domain.screening import CampaignPolicy
from dialer.ports.engine import AttemptUpdate, ClaimRequest, IntakeCounts

NOW = 1_800_000_000.0
NUMBERS = ("+12125550100", "+12125550101")
IDS = Random(1)


async def parked(ledger: SqlLedger, campaign_id: CampaignId) -> Attempt:
    """The next job, claimed, uncertain, and given up."""
    new_id = AttemptId(f"{IDS.getrandbits(64):x}")
    request = ClaimRequest(campaign_id, new_id, NOW, CampaignPolicy(("+12125550199",)), lambda *_: b"{}")
    attempt = await ledger.claim(request)
    assert isinstance(attempt, Attempt)
    await ledger.update(AttemptUpdate(attempt, AttemptState.UNCERTAIN, NOW))
    line = attempt_line(attempt, AttemptState.UNKNOWN, Outcome.UNKNOWN, NOW, None, "nobody knows")
    await ledger.update(
        AttemptUpdate(attempt, AttemptState.UNKNOWN, NOW, job_state=JobState.UNKNOWN, line=line)
    )
    return replace(attempt, state=AttemptState.UNKNOWN)


def with_unknowns(check: Callable[[SqlLedger, CampaignId, list[Attempt]], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_sqlite(None, dispatches=True, on_thread=False) as ledger:
            campaign_id = await ledger.open_campaign("c", NOW, simulated=False)
            intake_id = await ledger.begin_intake(campaign_id, "test", NOW)
            jobs = [CallJob(key=number, to_number=number, line=line) for line, number in enumerate(NUMBERS)]
            counts = IntakeCounts(rows=2, new=2)
            await ledger.add(intake_id, campaign_id, jobs, lambda _: counts, NOW)
            await ledger.end_intake(intake_id, counts)
            await check(ledger, campaign_id, [await parked(ledger, campaign_id) for _ in jobs])
            assert (await ledger.balance("c", campaign_id)).problems() == []

    run_virtual(main)


def test_the_unknown_ones_are_listed_oldest_first_and_before_a_time() -> None:
    async def check(ledger: SqlLedger, _: CampaignId, unknown: list[Attempt]) -> None:
        assert {each.id for each in await ledger.unknown_attempts()} == {each.id for each in unknown}
        assert await ledger.unknown_attempts(before=NOW) == []

    with_unknowns(check)


def test_a_call_that_was_made_is_followed_by_the_next_run() -> None:
    async def check(ledger: SqlLedger, campaign_id: CampaignId, unknown: list[Attempt]) -> None:
        await ledger.resolve_called(unknown[0].id, CallId("call_1"), "ana", NOW + 1)
        (attempt,) = await ledger.open_attempts(campaign_id, OPEN_ATTEMPTS)
        assert (attempt.id, attempt.state, attempt.call_id) == (unknown[0].id, AttemptState.PLACED, "call_1")
        assert (await ledger.counts(campaign_id)).jobs[JobState.BUSY] == 1

    with_unknowns(check)


def test_a_call_that_was_not_made_makes_the_job_due_again_and_says_who_decided() -> None:
    async def check(ledger: SqlLedger, campaign_id: CampaignId, unknown: list[Attempt]) -> None:
        await ledger.resolve_not_called([unknown[0].id], "ana", NOW + 1)
        assert (await ledger.counts(campaign_id)).jobs[JobState.OPEN] == 1
        line = orjson.loads((await ledger.results_after(campaign_id, 0, 10))[-1].line)
        assert (line["attempt_id"], line["state"]) == (unknown[0].id, "unspent")
        assert line["error"] == "resolved by ana: no call was made"

    with_unknowns(check)


def test_one_that_is_not_unknown_changes_nothing() -> None:
    async def check(ledger: SqlLedger, campaign_id: CampaignId, unknown: list[Attempt]) -> None:
        with pytest.raises(BadInput, match="no attempt nobody"):
            await ledger.resolve_not_called([unknown[0].id, AttemptId("nobody")], "ana", NOW)
        assert len(await ledger.unknown_attempts()) == 2
        await ledger.resolve_not_called([unknown[0].id], "ana", NOW)
        with pytest.raises(BadInput, match="is unspent, not unknown"):
            await ledger.resolve_called(unknown[0].id, CallId("call_1"), "ana", NOW)

    with_unknowns(check)


def test_a_call_is_one_attempts_alone() -> None:
    async def check(ledger: SqlLedger, campaign_id: CampaignId, unknown: list[Attempt]) -> None:
        await ledger.resolve_called(unknown[0].id, CallId("call_1"), "ana", NOW + 1)
        with pytest.raises(BadInput, match=f"call_1 is attempt {unknown[0].id}'s already: look in"):
            await ledger.resolve_called(unknown[1].id, CallId("call_1"), "ana", NOW + 2)
        assert len(await ledger.unknown_attempts()) == 1

    with_unknowns(check)
