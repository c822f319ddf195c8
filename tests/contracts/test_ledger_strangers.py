"""A call that another worker placed: whoever hears of it finds its attempt, as long as it is not closed."""

from functools import partial

from ledger_contract import Desk, Store, a_job

from dialer.adapters.ledger.queue import account_limits
from dialer.domain.calls import Attempt, CallId
from dialer.domain.lifecycle import AttemptState


async def found(desk: Desk, call_id: str) -> Attempt | None:
    """What the ledger has of that call."""
    attempt: Attempt | None = await desk.operate(
        partial(account_limits.placed_call, call_id=CallId(call_id), at=desk.now)
    )
    return attempt


def test_a_placed_call_is_found_by_its_id_until_it_is_over(store: Store) -> None:
    async def case(desk: Desk) -> None:
        await desk.read([a_job(0), a_job(1)])
        first, second = [await desk.to_state(AttemptState.PLACED) for _ in range(2)]
        mine = await found(desk, f"call-{first.id}")
        assert mine is not None
        assert (mine.id, mine.job.job.key) == (first.id, first.job.job.key)
        assert await found(desk, "call-of-nobody") is None
        await desk.finish(first)
        assert await found(desk, f"call-{first.id}") is None
        other = await found(desk, f"call-{second.id}")
        assert other is not None
        assert other.id == second.id

    store.work(case)
