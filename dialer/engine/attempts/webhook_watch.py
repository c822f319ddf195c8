"""Do webhooks come? While they do the listing is looked at less often; where they do not, that is told."""

from collections.abc import Mapping
from math import inf

from dialer.domain.service_parts import ServicePart
from dialer.engine.clock import loop_time
from dialer.engine.events import WebhookFault
from dialer.engine.failures import Failures

SILENT_ENDS_MAX = 5
SILENT_S_MIN = 30.0
"""So many ends in a row that no webhook told of, over at least so long: webhooks do not come."""
REFUSED_MAX = 5
"""So many refused in a row: ours are among them."""
SAID_S = 600.0
"""A webhook that was too large or too slow is told for so long, though others are taken."""

GIVE_ADDRESS = (
    "give the agent (or call.webhook_url) the public https address of webhooks.listen with the path "
    "/webhooks/retell, and check the proxy in front of it; ends are asked for meanwhile"
)
REMEDIES: Mapping[WebhookFault, str] = {
    WebhookFault.BAD_SIGNATURE: "Retell signs with the key that has the webhook badge in its dashboard: give "
    "that key as DIALER_WEBHOOKS__KEYS; and check this machine's clock",
    WebhookFault.TOO_LARGE: "raise webhooks.body_bytes_max; how the call ended is asked for instead",
    WebhookFault.MALFORMED: "it is no HTTP that can be read: somebody else than Retell tries this port",
    WebhookFault.TOO_SLOW: "check the proxy in front of this port; how the call ended is asked for instead",
}
LOST = frozenset({WebhookFault.TOO_LARGE, WebhookFault.TOO_SLOW})
"""They have a signature of now, so they are ours in all likelihood."""


class WebhookWatch:
    """Of one process."""

    def __init__(self, failures: Failures, *, fresh_s: float, expected: bool) -> None:
        """`fresh_s`: without one for so long they are not relied on; nor after an end that none told of.
        `expected`: the process listens for them."""
        self._fresh_s = fresh_s
        self._failures = failures
        self._expected = expected
        self._heard_at = -inf
        self._ends = self._refused = 0
        self._silent_since = -inf
        self._said_until = -inf

    @property
    def fresh_until(self) -> float:
        """The loop's time until which they are relied on."""
        return self._heard_at + self._fresh_s

    def heard(self) -> None:
        """One was taken."""
        self._heard_at = loop_time()
        self._ends = self._refused = 0
        if loop_time() >= self._said_until:
            self._failures.works(ServicePart.WEBHOOKS)

    def refused(self, fault: WebhookFault, *, awaited: bool) -> None:
        """One was not taken. `awaited`: calls are going on, so that some are ours."""
        if fault in LOST or awaited:
            self._heard_at = -inf
        if fault in LOST:
            self._said_until = loop_time() + SAID_S
            self._tell(f"a webhook was refused: {fault.value}", REMEDIES[fault])
        elif fault is WebhookFault.BAD_SIGNATURE and awaited:
            self._refused += 1
            if self._refused >= REFUSED_MAX:
                why = f"all webhooks are refused: {fault.value}, {REFUSED_MAX} or more in a row"
                self._tell(why, REMEDIES[fault])

    def ended(self) -> None:
        """A call's end was heard of by asking: the next ends are not to wait for a webhook."""
        self._heard_at = -inf
        if not self._ends:
            self._silent_since = loop_time()
        self._ends += 1
        if self._ends >= SILENT_ENDS_MAX and loop_time() - self._silent_since >= SILENT_S_MIN:
            why = f"no webhook comes: {SILENT_ENDS_MAX} calls or more have ended in a row without one"
            self._tell(why, GIVE_ADDRESS)

    def _tell(self, why: str, remedy: str) -> None:
        if self._expected:
            self._failures.fails(ServicePart.WEBHOOKS, why, remedy)
