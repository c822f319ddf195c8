"""Do-not-call contacts of the account: read page by page, and marked, against the simulator."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from retell_kit import CONFIG, answer, api_at, saying

from dialer.adapters.retell import contacts
from dialer.adapters.retell.contacts import Contacts
from dialer.adapters.system.clock import LoopClock
from dialer.app.clock_loop import run_virtual
from dialer.domain.errors import CallNotStarted
from dialer.simulator.account import Account
from dialer.simulator.server import Simulator

MARKED = frozenset(f"+1212555{n:04d}" for n in range(100, 112))
ACCOUNT = Account(api_key=CONFIG.api_key, do_not_call=MARKED, contacts=frozenset({"+12125550150"}))


def _run(test: Callable[[Contacts, Simulator], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = LoopClock(1_790_000_000.0, asyncio.get_running_loop())
        async with Simulator(ACCOUNT, now=clock.now) as sim, api_at(sim.url, CONFIG) as api:
            await test(Contacts(api), sim)

    run_virtual(main)


async def _read(read: Contacts) -> list[list[str]]:
    return [list(page) async for page in read.marked()]


def test_all_pages_are_read_and_only_the_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "PAGE_CONTACTS", 5)

    async def test(read: Contacts, _: Simulator) -> None:
        pages = await _read(read)
        assert [len(page) for page in pages] == [5, 5, 2]
        assert {number for page in pages for number in page} == MARKED

    _run(test)


@pytest.mark.parametrize("number", ["+12125550150", "+12125550151"])
def test_a_number_is_marked_whether_or_not_there_is_a_contact(number: str) -> None:
    async def test(write: Contacts, sim: Simulator) -> None:
        await write.mark(number)
        assert sim.account.do_not_call == {*MARKED, number}
        await write.mark(number)
        assert {page_number for page in await _read(write) for page_number in page} == {*MARKED, number}

    _run(test)


def test_half_a_list_is_no_list() -> None:
    async def ask() -> None:
        bad = answer("200 OK", b'{"items": null, "has_more": false}')
        async with saying(bad) as wire, api_at(wire.url, replace(CONFIG)) as api:
            with pytest.raises(CallNotStarted, match="list-contacts cannot be read"):
                await _read(Contacts(api))

    run_virtual(ask)
