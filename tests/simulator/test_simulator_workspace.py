"""Contacts, numbers, agents and the key's name, as the official SDK asks for them."""

from dataclasses import replace

import pytest
import retell
from simulator_kit import FROM, STEADY, bench, in_virtual_time, number

ACCOUNT = replace(
    STEADY,
    from_numbers=frozenset({FROM}),
    agents=frozenset(),
    do_not_call=frozenset({number(7)}),
    contacts=frozenset({number(8)}),
    outbound_countries=frozenset({"US"}),
)


@in_virtual_time
async def test_contacts_are_listed_made_and_marked() -> None:
    async with bench(ACCOUNT) as b:
        listed = await b.sdk.contact.list(
            filter_criteria={"do_not_call": {"type": "boolean", "op": "eq", "value": True}}
        )
        assert [(each.phone_number, each.do_not_call) for each in listed.items] == [(number(7), True)]
        made = await b.sdk.contact.create(phone_number=number(9))
        changed = await b.sdk.contact.update(contact_id=made.contact_id, do_not_call=True)
        assert changed.do_not_call is True
        assert number(9) in b.sim.account.do_not_call


@in_virtual_time
async def test_the_key_the_numbers_and_the_agent_are_shown() -> None:
    async with bench(ACCOUNT) as b:
        (owned,) = (await b.sdk.phone_number.list()).items
        assert (owned.phone_number, owned.allowed_outbound_country_list) == (FROM, ["US"])
        agent = await b.sdk.agent.retrieve(ACCOUNT.agent_id)
        assert (agent.agent_id, agent.version) == (ACCOUNT.agent_id, 0)
        with pytest.raises(retell.UnprocessableEntityError):
            await b.sdk.agent.retrieve("agent_unknown")
