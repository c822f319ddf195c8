"""Does the API take our account? One refusal may be the word of a proxy or of a captive portal.

    taken ──401 402 403 3xx──► doubted ──asked again: refused, four times in all──► refused
      ▲                           │                                                   │
      └──get-concurrency answers, and a request that was refused is taken────────────┘

While it is doubted or refused nothing is claimed. It is asked again by itself, less and less often. A refused
request for a call (402) says nothing that get-concurrency could take back: there one claim at a time goes out
as a probe, and its answer decides; or a new call of another worker does.
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from math import inf

import anyio

from dialer.domain.calls import CallId
from dialer.domain.errors import AccountBlocked, CallError
from dialer.engine.clock import loop_time
from dialer.ports.engine import CallApi

ASK_AGAIN_S = 0.5
"""Before the refusal is asked again for the first time; twice as long before each further time."""
ASK_AGAIN_S_MAX = 60.0
BELIEVED_AFTER = 4
"""Refusals in a row that are believed."""
PROBE_S = 5.0
"""A probe whose answer has not come by then is followed by another."""


class Asked(StrEnum):
    """What was refused."""

    CREATE = "create"
    CONCURRENCY = "get-concurrency"
    CALLS = "list-calls or get-call"
    """It holds no claim until it is believed: a key may lack the right to it alone."""


class AccountGate:
    """Of one process."""

    def __init__(
        self, api: CallApi, believed: Callable[[AccountBlocked], None], taken: Callable[[], None]
    ) -> None:
        """`believed`: told each time that a refusal is certain. `taken`: told that it is over."""
        self._api = api
        self._believed = believed
        self._taken = taken
        self._error: AccountBlocked | None = None
        self._holds = self._is_of_create = self._is_probing = False
        self._refusals = 0
        self._probed_at = -inf
        self._ask_again_s = ASK_AGAIN_S
        self._calls: frozenset[CallId] | None = None
        """Of all workers, when they were first seen after the refusal was believed."""
        self._doubted = anyio.Event()
        self._woken = anyio.Event()
        self._decided = anyio.Event()

    @property
    def is_believed(self) -> bool:
        """The API does refuse the account."""
        return self._refusals >= BELIEVED_AFTER

    @property
    def held(self) -> str | None:
        """Why no request for a call should leave now; None: it may."""
        if self._error is None or not (self._holds or self.is_believed):
            return None
        if self.is_believed:
            return f"the API refuses the account: {self._error}"
        return f"the API refused the account, and is asked again: {self._error}"

    def may_claim(self) -> str | None:
        """As `held`, for a claim that follows at once: now and then one may, as a probe."""
        if self._is_probing and loop_time() - self._probed_at >= PROBE_S:
            self._probed_at = loop_time()
            return None
        return self.held

    def probe_unused(self) -> None:
        """The claim that was let go found nobody to call: another campaign may have somebody, now."""
        self._probed_at = -inf

    def refused(self, error: AccountBlocked, asked: Asked) -> None:
        """A request was refused for the account's sake."""
        if self._error is None:
            self._again(error)
            self._doubted.set()
        elif asked is Asked.CREATE and self._is_probing:
            self._again(error)
            self._decide()
        self._holds |= asked is not Asked.CALLS
        self._is_of_create |= asked is Asked.CREATE

    def accepted(self) -> None:
        """A request for a call was answered for what it is."""
        if self._is_probing:
            self._clear()

    def calls_are(self, live: Collection[CallId]) -> None:
        """Calls of all workers now: a new one says that requests are taken, if we have none to send, too."""
        if not (self._is_of_create and self.is_believed):
            return
        if self._calls is None:
            self._calls = frozenset(live)
        elif not self._calls.issuperset(live):
            self._clear()
            self.wake()

    def wake(self) -> None:
        """Somebody says that it may be mended: ask now."""
        self._woken.set()

    async def run(self) -> None:
        """Ask again whenever there is a doubt, for as long as the process lasts."""
        while True:
            await self._doubted.wait()
            while self._error is not None:
                with anyio.move_on_after(self._ask_again_s):
                    await self._woken.wait()
                self._woken = anyio.Event()
                if self._error is not None:
                    self._ask_again_s = min(2 * self._ask_again_s, ASK_AGAIN_S_MAX)
                    await self._ask()
            self._doubted = anyio.Event()

    async def _ask(self) -> None:
        try:
            await self._api.capacity()
        except AccountBlocked as error:
            self._again(error)
            return
        except CallError:
            pass  # no word on the account
        if not self._is_of_create:
            self._clear()
            return
        self._decided, self._is_probing, self._probed_at = anyio.Event(), True, -inf
        await self._decided.wait()

    def _again(self, error: AccountBlocked) -> None:
        self._error = error
        self._refusals += 1
        if self.is_believed:
            self._believed(error)

    def _decide(self) -> None:
        self._is_probing = False
        self._decided.set()

    def _clear(self) -> None:
        was_believed = self.is_believed
        self._error, self._refusals, self._calls = None, 0, None
        self._ask_again_s = ASK_AGAIN_S
        self._holds = self._is_of_create = False
        self._decide()
        if was_believed:
            self._taken()
