"""`dialer doctor` looks at what the account has, by the simulator."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dialer.app.clock_loop import run_virtual
from dialer.commands.doctor.findings import Finding, Mark
from dialer.commands.doctor.workspace import workspace
from dialer.settings import load
from dialer.simulator.account import Account
from dialer.simulator.server import Simulator

OURS, OTHER = "+12125550100", "+12125550101"
ACCOUNT = Account(
    from_numbers=frozenset({OURS}), agents=frozenset({"agent_1"}), prompt="Hi {{name}}, {{ when }}"
)


def look(account: Account, looks: int = 1, **given: Any) -> Sequence[Finding]:
    """What the last of so many looks in a row found."""

    async def main() -> Sequence[Finding]:
        loop = asyncio.get_running_loop()
        async with Simulator(account, now=lambda: 1_790_000_000.0 + loop.time()) as sim:
            asked = {"retell": {"base_url": sim.url}, "from_numbers": [OURS], **given}
            settings = load(None, asked, {"RETELL_API_KEY": account.api_key}, None).settings
            for _ in range(looks - 1):
                await workspace(settings)
            return await workspace(settings)

    return run_virtual(main)


def marks(found: Sequence[Finding], check: str) -> list[tuple[Mark, str]]:
    return [(each.mark, each.said) for each in found if each.check == check]


def test_what_is_well_is_said() -> None:
    found = look(ACCOUNT, call={"agent_id": "agent_1"})
    assert {each.mark for each in found} == {Mark.GOOD}, found
    said = "the key \"sim-key's name\" is of the organization 'Simulated'"
    assert marks(found, "account") == [(Mark.GOOD, said)]
    assert marks(found, "owned") == [(Mark.GOOD, "the account has it")]
    assert [said for _, said in marks(found, "agent")] == [
        "agent_1 is version 0; it rings 30 s, talks 3600 s at most",
        "agent_1's prompt uses {{name}}, {{when}}",
    ]


def test_a_number_and_an_agent_that_the_account_does_not_have() -> None:
    found = look(ACCOUNT, from_numbers=[OURS, OTHER], call={"agent_id": "agent_2"})
    assert marks(found, "owned") == [(Mark.BAD, f"the account does not have {OTHER}")]
    assert marks(found, "agent") == [(Mark.BAD, "the account has no agent agent_2")]


def test_what_an_agent_does_otherwise_is_a_doubt() -> None:
    account = replace(ACCOUNT, dnc_detection=False, agent_webhook_url="https://elsewhere.invalid/hook")
    found = look(account, call={"agent_id": "agent_1"}, webhooks={"listen": "127.0.0.1:8080"})
    doubts = [said for mark, said in marks(found, "agent") if mark is Mark.DOUBTFUL]
    assert "does not notice people who ask" in doubts[0]
    assert "sends its webhooks to https://elsewhere.invalid/hook" in doubts[1]


@pytest.mark.parametrize("account", [replace(ACCOUNT, from_numbers=None)])
def test_what_the_key_may_not_read_is_passed_over(account: Account) -> None:
    ((mark, said),) = marks(look(account), "owned")
    assert mark is Mark.SKIPPED
    assert "HTTP 403" in said


def test_a_listing_whose_limit_others_use_up_is_a_doubt() -> None:
    ((mark, said),) = marks(look(replace(ACCOUNT, list_per_10s=1), looks=2), "list-calls")
    assert mark is Mark.DOUBTFUL
    assert "HTTP 429" in said
