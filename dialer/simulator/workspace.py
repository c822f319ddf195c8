"""What the account has besides calls: contacts, numbers, agents and their prompts, the name of its key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import orjson

from dialer.simulator import validation
from dialer.simulator.schemas import E164, FLAG, Schema
from dialer.simulator.validation import Json, Refusal, json_object
from dialer.simulator.world import World

PAGE: Final = 50
LLM_ID: Final = "llm_simulated"
_NOT_FOUND: Final = "Cannot find requested asset under given api key."
_CONTACT: Final[Schema] = {
    "type": "object",
    "required": ["phone_number"],
    "properties": {"phone_number": E164, "do_not_call": FLAG},
}
_CHANGES: Final[Schema] = {"type": "object", "properties": {"do_not_call": FLAG}}

Answer: TypeAlias = tuple[int, bytes]
Handler: TypeAlias = Callable[[bytes, str], Awaitable[Answer]]
"""By the body and the part of the path in braces."""


class Workspace:
    """The endpoints that do not concern calls."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", "/list-contacts", self._list_contacts),
            ("POST", "/create-contact", self._create_contact),
            ("PATCH", "/update-contact/{id}", self._update_contact),
            ("GET", "/get-contact-by-phone/{id}", self._contact_by_phone),
            ("GET", "/get-api-key-info", self._key_info),
            ("GET", "/v2/list-phone-numbers", self._list_numbers),
            ("GET", "/get-agent/{id}", self._get_agent),
            ("GET", "/get-retell-llm/{id}", self._get_llm),
        ]

    # --- contacts -------------------------------------------------------------------------------------

    async def _list_contacts(self, raw: bytes, _: str) -> Answer:
        body = json_object(raw)
        account, criteria = self._world.account, body.get("filter_criteria")
        wanted = criteria.get("do_not_call") if isinstance(criteria, dict) else None
        numbers = sorted(account.contacts | account.do_not_call)
        if isinstance(wanted, dict):
            numbers = [each for each in numbers if (each in account.do_not_call) is wanted.get("value")]
        limit, start = int(str(body.get("limit", PAGE))), int(str(body.get("pagination_key", 0)))
        page, more = numbers[start : start + limit], len(numbers) > start + limit
        answer = {"items": [self._contact(each) for each in page], "has_more": more}
        return _ok(answer | ({"pagination_key": str(start + limit)} if more else {}))

    async def _create_contact(self, raw: bytes, _: str) -> Answer:
        body = json_object(raw)
        validation.check(_CONTACT, body)
        number = str(body["phone_number"])
        if number in self._world.account.contacts | self._world.account.do_not_call:
            raise Refusal(400, "A contact with this phone number exists.")
        self._keep(number, body)
        return 201, orjson.dumps(self._contact(number))

    async def _update_contact(self, raw: bytes, contact_id: str) -> Answer:
        body, number = json_object(raw), f"+{contact_id.removeprefix('contact_')}"
        validation.check(_CHANGES, body)
        self._known(number)
        self._keep(number, body)
        return _ok(self._contact(number))

    async def _contact_by_phone(self, _: bytes, number: str) -> Answer:
        return _ok(self._contact(self._known(unquote(number))))

    def _known(self, number: str) -> str:
        if number not in self._world.account.contacts | self._world.account.do_not_call:
            raise Refusal(404, "Contact not found.")
        return number

    def _keep(self, number: str, body: Json) -> None:
        account = self._world.account
        marked = account.do_not_call
        if "do_not_call" in body:
            marked = marked | {number} if body["do_not_call"] else marked - {number}
        self._world.account = replace(account, contacts=account.contacts | {number}, do_not_call=marked)

    def _contact(self, number: str) -> Json:
        return {
            "contact_id": f"contact_{number[1:]}",
            "org_id": "org_simulated",
            "phone_number": number,
            "created_timestamp": 0,
            "do_not_call": number in self._world.account.do_not_call,
        }

    # --- key, numbers, agents -------------------------------------------------------------------------

    async def _key_info(self, _: bytes, __: str) -> Answer:
        return _ok({"org_id": "org_simulated", "org_name": "Simulated", "api_key_name": "sim-key's name"})

    async def _list_numbers(self, _: bytes, __: str) -> Answer:
        account = self._world.account
        if account.from_numbers is None:
            raise Refusal(403, "Every number is this account's: they are not listed.")
        owned = [self._number(each) for each in sorted(account.from_numbers or ())]
        return _ok({"items": owned, "has_more": False})

    def _number(self, number: str) -> Json:
        account = self._world.account
        answer: Json = {"phone_number": number, "phone_number_type": "retell-twilio"}
        answer["outbound_agents"] = [{"agent_id": account.agent_id, "weight": 1.0}]
        if account.outbound_countries is not None:
            answer["allowed_outbound_country_list"] = sorted(account.outbound_countries)
        return answer

    async def _get_agent(self, _: bytes, agent_id: str) -> Answer:
        account = self._world.account
        if account.agents is not None and agent_id not in (account.agent_id, *account.agents):
            raise Refusal(422, _NOT_FOUND)
        answer: dict[str, Any] = {
            "agent_id": agent_id,
            "version": account.agent_version,
            "is_published": True,
            "voice_id": "11labs-Adrian",
            "last_modification_timestamp": 0,
            "ring_duration_ms": round(account.no_answer_s * 1000),
            "max_call_duration_ms": round(account.max_call_s * 1000),
            "enable_dnc_detection": account.dnc_detection,
            "response_engine": {"type": "retell-llm", "llm_id": LLM_ID, "version": account.agent_version},
        }
        if account.agent_webhook_url is not None:
            answer["webhook_url"] = account.agent_webhook_url
        return _ok(answer)

    async def _get_llm(self, _: bytes, llm_id: str) -> Answer:
        if llm_id != LLM_ID:
            raise Refusal(422, _NOT_FOUND)
        return _ok(
            {
                "llm_id": llm_id,
                "version": self._world.account.agent_version,
                "is_published": True,
                "last_modification_timestamp": 0,
                "general_prompt": self._world.account.prompt,
            }
        )


def _ok(answer: Json) -> Answer:
    return 200, orjson.dumps(answer)
