"""Contacts of the Retell account that are marked do-not-call: read page by page, and marked."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from aiolimiter import AsyncLimiter

from dialer.adapters.retell.client import RetellApi
from dialer.domain.errors import CallNotStarted, Limit

PAGE_CONTACTS = 500
PAGES_MAX = 20_000
A_SECOND = 5
"""Requests; the API takes 100 per 10 s of all kinds but creates and listings, and calls go on beside."""
_MARKED = {"do_not_call": {"type": "boolean", "op": "eq", "value": True}}


class Contacts:
    """Raises the errors of `CallApi`; nothing is retried."""

    def __init__(self, api: RetellApi) -> None:
        self._api = api
        self._pace = AsyncLimiter(1, 1 / A_SECOND)

    async def marked(self) -> AsyncIterator[Sequence[str]]:
        """The numbers that are marked do-not-call, as they are written there, a page at a time."""
        asked: dict[str, Any] = {"filter_criteria": _MARKED, "limit": PAGE_CONTACTS, "sort_order": "asc"}
        for _ in range(PAGES_MAX):
            await self._pace.acquire()
            raw = await self._api.ask("POST", "/list-contacts", orjson.dumps(asked))
            items = raw.get("items") if isinstance(raw, dict) else None
            if not isinstance(items, list):
                raise CallNotStarted("the answer to list-contacts cannot be read", limit=Limit.CONNECTION)
            yield [number for each in items if (number := _number(each)) is not None]
            key = raw.get("pagination_key")
            if not raw.get("has_more") or not key:
                return
            asked["pagination_key"] = key
        raise CallNotStarted(f"list-contacts goes beyond {PAGES_MAX} pages", limit=Limit.CONNECTION)

    async def mark(self, number: str) -> None:
        """Mark a number do-not-call, as a new contact if there is none with it."""
        await self._pace.acquire()
        contact = await self._api.lookup(f"/get-contact-by-phone/{quote(number, safe='')}")
        contact_id = contact.get("contact_id") if isinstance(contact, dict) else None
        if isinstance(contact, dict) and contact.get("do_not_call") is True:
            return
        await self._pace.acquire()
        if isinstance(contact_id, str):
            path, body = f"/update-contact/{quote(contact_id, safe='')}", {"do_not_call": True}
            await self._api.ask("PATCH", path, orjson.dumps(body))
        else:
            made = {"phone_number": number, "do_not_call": True}
            await self._api.ask("POST", "/create-contact", orjson.dumps(made))


def _number(contact: Any) -> str | None:
    """Of a contact that is marked, whatever was asked for."""
    if not isinstance(contact, Mapping) or contact.get("do_not_call") is not True:
        return None
    number = contact.get("phone_number")
    return number if isinstance(number, str) and number else None
