"""What the account allows beside its other users, as far as a process could know: what breaks it."""

from collections.abc import Iterator

from tests.simulation.evidence import Evidence, Lived

LOOK_S = 5.0
"""What a look showed was so some time before its answer."""


def nothing_is_billed_as_burst(seen: Evidence) -> list[str]:
    """No claim brings ours and others' calls over the account's limit, by the last look before it."""
    problems = []
    for call in seen.calls:
        attempt_id = call.attempt_id or ""
        claimed_at = seen.claimed.get(attempt_id)
        if not call.takes_slot or claimed_at is None or attempt_id not in seen.attempt_of:
            continue
        life = next((life for life in seen.heard.lives if life.began <= claimed_at <= life.ended), None)
        looked_at = None if life is None else _looked_at(seen, life, claimed_at)
        if life is None or looked_at is None or call.created_at > life.ended:
            continue
        live = _live_at(seen, call.created_at)
        most = max(_left_to_us(seen, looked_at - LOOK_S, call.created_at))
        if live > most:
            problems.append(f"{live} calls at once at {call.created_at:.3f}, where others left {most}")
    return problems


def _looked_at(seen: Evidence, life: Lived, claimed_at: float) -> float | None:
    """When the process was last told what the account allows, before it claimed."""
    looks = [
        at for at, request, answer in seen.heard.requests if request == "capacity" and "limit=" in answer
    ]
    return max((at for at in looks if life.began <= at <= claimed_at), default=None)


def _live_at(seen: Evidence, at: float) -> int:
    return sum(
        call.takes_slot
        and call.attempt_id not in seen.misled
        and call.created_at <= at
        and (call.ended_at is None or call.ended_at > at)
        for call in seen.calls
    )


def _left_to_us(seen: Evidence, since: float, until: float) -> Iterator[int]:
    """What limit, reserve and others left to us in that time."""
    account = seen.plan.account
    reserved = account.reserved_inbound_concurrency
    states = [*_states(seen)]
    for (at, limit, others), later in zip(states, [*states[1:], (float("inf"), 0, 0)], strict=True):
        if at <= until and later[0] >= since:
            yield max(0, limit - reserved - others)


def _states(seen: Evidence) -> Iterator[tuple[float, int, int]]:
    """The account's limit and its others' calls, each from a time on."""
    account = seen.plan.account
    limit, others = account.concurrency_limit, account.used_by_others
    yield float("-inf"), limit, others
    stormy = len(seen.plan.lives)
    calm_at = seen.heard.lives[stormy].began if len(seen.heard.lives) > stormy else float("inf")
    for change in seen.plan.changes:
        if change.at < calm_at and change.account:
            changed = dict(change.account)
            limit = changed.get("concurrency_limit", limit)
            others = changed.get("used_by_others", others)
            yield change.at, limit, others
    yield calm_at, account.concurrency_limit, account.used_by_others
