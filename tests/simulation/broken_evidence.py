"""Engines that believe the wrong word where what is said of a call contradicts itself."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from dialer.adapters.ledger.queue import finish
from dialer.adapters.retell import client
from dialer.commands import resolve
from dialer.domain import budget, results
from dialer.domain.calls import Attempt, AttemptId, CallId, CallUpdate
from dialer.domain.errors import CallError, CallNotStarted, Limit
from dialer.domain.evidence import Evidence
from dialer.engine.attempts.placing import Placement, PutBack, Refused
from dialer.engine.attempts.tracking import Followed
from dialer.engine.campaign import Campaign


@contextmanager
def instead(*changes: tuple[object, str, object]) -> Iterator[None]:
    """While it lasts these names stand for something else."""
    with ExitStack() as stack:
        for where, name, what in changes:
            stack.callback(setattr, where, name, getattr(where, name))
            setattr(where, name, what)
        yield


def believes_a_reason_alone(campaign: Campaign) -> None:
    """A reason says that nobody was rung, whatever start, length and cost say."""
    lives: Any = campaign._lives
    real: Callable[..., Awaitable[None]] = lives._ended

    async def ended(attempt: Attempt, followed: Followed, news: CallUpdate) -> None:
        followed.evidence = Evidence()
        await real(attempt, followed, news)

    lives._ended = ended


def believes_an_answer_before_a_webhook(campaign: Campaign) -> None:
    """An answer says that no call was made, and goes before the webhook that has shown it."""
    lives: Any = campaign._lives
    send: Callable[..., Awaitable[Any]] = lives._placer.send
    take: Callable[..., Awaitable[Any]] = lives._take_fresh

    async def sending(attempt: Attempt, followed: Followed) -> Any:
        return await send(attempt, Followed(followed.attempt_id, followed.since))

    async def taking(attempt: Attempt, followed: Followed, placement: Placement) -> Any:
        if isinstance(placement, PutBack | Refused):
            followed.evidence = Evidence()
        return await take(attempt, followed, placement)

    lives._placer.send, lives._take_fresh = sending, taking


def takes_any_concurrent_for_no_room() -> Any:
    real = client.from_status

    def from_status(status: int, headers: Any, message: str, *, creates: bool) -> CallError:
        if 400 <= status < 500 and "concurren" in message.lower():
            return CallNotStarted(f"HTTP {status}: {message}", limit=Limit.CONCURRENCY)
        return real(status, headers, message, creates=creates)

    return instead((client, "from_status", from_status))


def takes_any_call_for_its_own(campaign: Campaign) -> None:
    """The call in an answer is the attempt's, whosever it is."""
    placer: Any = campaign._lives._placer

    async def create(attempt: Attempt, object_: object, ask: object) -> CallUpdate:
        leave = partial(placer._at_the_first_byte, attempt, object_, ask)
        news: CallUpdate = await placer._api.create(attempt.job.job.kind, attempt.body, leave)
        return news

    placer._create = create


def gives_a_call_to_any_attempt() -> Any:
    return instead((finish, "_check_calls", lambda conn, given: None))


def believes_every_figure() -> Any:
    def as_given(figure: float | None) -> float | None:
        return figure

    return instead(
        (results, "believed_time", as_given),
        (budget, "believed_cost_cents", as_given),
        (budget, "believed_duration_s", as_given),
    )


def believes_an_operator_without_a_look() -> Any:
    async def none(api: object, attempt_ids: object) -> Mapping[AttemptId, CallId]:
        return {}

    return instead((resolve, "calls_of", none))
