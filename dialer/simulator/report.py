"""What the account has seen: the evidence against which a client's promises are checked."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import orjson

from dialer.simulator.calls import Call, Kind
from dialer.simulator.limits import most_within


@dataclass(frozen=True, slots=True)
class Report:
    """`rung` calls are those in which somebody's phone rang or may have. Times are seconds."""

    create_requests: int
    """create-phone-call requests that passed authentication, whatever their answer."""
    creates_accepted: int
    """Those after which a new call exists, also when the answer was an error or got lost."""
    replays: int
    """Those that got an earlier call back because of their key."""
    calls: int
    """Calls made by create-phone-call."""
    rung: int
    live: int
    peak_live: int
    """Most of our calls at once, as the account counts them: registered or ongoing."""
    peak_concurrency: int
    """The same with the calls of others."""
    peak_creates_1s: int
    """Most creates accepted in any sliding second, by their arrival."""
    peak_creates_990ms: int
    """The same in 0.99 s: what a client that paces where it sends can promise where they arrive."""
    peak_requests_1s: int
    """Most create requests in any sliding second, refused ones too."""
    live_seconds: float
    """Sum over time of live calls until now."""
    doubled_calls: int
    """Calls beyond one per attempt, that is per `metadata.attempt_id`, else idempotency key, else number."""
    doubled_rings: int
    """The same of calls that rang."""
    numbers_doubled: int
    """Numbers with doubled rings."""
    calls_per_number: Mapping[str, int]
    keys_per_number: Mapping[str, int]
    """Attempts that led to a call, per number."""
    outcomes: Mapping[str, int]
    """Calls by disconnection reason; `live` for those that have none yet."""
    rings_by_outcome: Mapping[str, int]
    refusals: Mapping[str, int]
    """Creates refused for a limit, by the limit's name."""
    faults: Mapping[str, int]
    """How often each fault struck."""
    requests: Mapping[str, Mapping[str, int]]
    """Endpoint to status to requests; status 0 is a connection closed without an answer."""
    webhooks: Mapping[str, int]
    """sent: deliveries that got a 2xx; failed: given up after all tries; lost: never sent, by a fault."""

    def to_json(self) -> str:
        """The numbers without the numbers: per-number counts become `{calls: numbers}`."""
        shown = asdict(self)
        for name in ("calls_per_number", "keys_per_number"):
            shown[name] = {str(many): of for many, of in sorted(Counter(shown[name].values()).items())}
        return orjson.dumps(shown, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


@dataclass(slots=True)
class Tally:
    """Counts kept while running; everything else the report reads off the calls."""

    arrived: array[float] = field(default_factory=lambda: array("d"))
    accepted: array[float] = field(default_factory=lambda: array("d"))
    replays: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    webhooks: Counter[str] = field(default_factory=Counter)
    live: int = 0
    peak_live: int = 0
    peak_concurrency: int = 0
    _area: float = 0.0
    _since: float = 0.0

    def live_changes(self, by: int, now: float, used_by_others: int) -> None:
        self._area = self.live_seconds(now)
        self._since = now
        self.live += by
        self.peak_live = max(self.peak_live, self.live)
        self.peak_concurrency = max(self.peak_concurrency, self.live + used_by_others)

    def live_seconds(self, now: float) -> float:
        return self._area + self.live * (now - self._since)

    def forget(self) -> None:
        """Lets go of the times of the requests; counts and peaks stay."""
        del self.arrived[:], self.accepted[:]

    def report(self, calls: Sequence[Call], now: float) -> Report:
        dialled = [call for call in calls if call.kind is Kind.DIALLED]
        rung = [call for call in dialled if call.rung]
        doubled = _beyond_one(rung)
        arrived, accepted = sorted(self.arrived), sorted(self.accepted)
        return Report(
            create_requests=len(arrived),
            creates_accepted=len(accepted),
            replays=self.replays,
            calls=len(dialled),
            rung=len(rung),
            live=self.live,
            peak_live=self.peak_live,
            peak_concurrency=self.peak_concurrency,
            peak_creates_1s=most_within(accepted, 1.0),
            peak_creates_990ms=most_within(accepted, 0.99),
            peak_requests_1s=most_within(arrived, 1.0),
            live_seconds=self.live_seconds(now),
            doubled_calls=sum(_beyond_one(dialled).values()),
            doubled_rings=sum(doubled.values()),
            numbers_doubled=len(doubled),
            calls_per_number=Counter(call.to_number for call in dialled),
            keys_per_number=_attempts(dialled),
            outcomes=_outcomes(dialled),
            rings_by_outcome=_outcomes(rung),
            refusals=dict(self.refusals),
            faults=dict(self.faults),
            requests=_by_endpoint(self.requests),
            webhooks={"sent": 0, "failed": 0, "lost": 0} | self.webhooks,
        )


def live_seconds(calls: Iterable[Call], since: float, until: float) -> float:
    """Sum over [since, until) of the calls that held a slot; the loop's seconds.

    Slot use over that time is this / (limit x (until - since)).
    """
    return sum(
        max(
            0.0, (until if call.ended_at is None else min(call.ended_at, until)) - max(call.created_at, since)
        )
        for call in calls
        if call.takes_slot
    )


def _beyond_one(calls: Iterable[Call]) -> dict[str, int]:
    """Number to its calls beyond one per attempt, where there are any."""
    per_attempt = Counter((call.to_number, call.identity) for call in calls)
    beyond: Counter[str] = Counter()
    for (number, _), many in per_attempt.items():
        beyond[number] += many - 1
    return dict(+beyond)


def _attempts(calls: Iterable[Call]) -> dict[str, int]:
    attempts: defaultdict[str, set[str]] = defaultdict(set)
    for call in calls:
        attempts[call.to_number].add(call.identity)
    return {number: len(ids) for number, ids in attempts.items()}


def _outcomes(calls: Iterable[Call]) -> dict[str, int]:
    return dict(Counter(call.reason or "live" for call in calls))


def _by_endpoint(requests: Mapping[tuple[str, int], int]) -> dict[str, dict[str, int]]:
    table: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (endpoint, status), many in sorted(requests.items()):
        table[endpoint][str(status)] = many
    return dict(table)
