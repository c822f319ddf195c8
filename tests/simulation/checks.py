"""The promises, one function each: what breaks it, in plain words; empty if it holds."""

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import orjson

from dialer.domain.calls import CallJob
from dialer.domain.decisions import Ruling
from dialer.domain.lifecycle import FINAL_JOBS, AttemptState, JobState
from dialer.domain.outcomes import Outcome
from dialer.simulator.calls import Call, Kind, analysis
from tests.simulation import checks_server as server
from tests.simulation.checks_account import nothing_is_billed_as_burst
from tests.simulation.evidence import Evidence

LATE_S = 0.001
"""Times went through milliseconds, or through a float of Unix seconds."""
_FINAL = {state.value for state in FINAL_JOBS}

Check = Callable[[Evidence], list[str]]


def one_call_per_attempt(seen: Evidence) -> list[str]:
    """Never twice: one call per attempt, one ring per attempt that counts, one call at a time per job."""
    per_attempt = Counter(call.attempt_id for call in seen.calls)
    problems = [f"attempt {who} made {many} calls" for who, many in per_attempt.items() if many > 1]
    for job in seen.jobs:
        calls = [call for call in seen.calls_of_job[job["id"]] if call.attempt_id not in seen.misled]
        rings = sum(call.rung for call in calls)
        counted = [
            attempt
            for attempt in seen.attempts_of_job[job["id"]]
            if attempt["state"] not in (AttemptState.UNSPENT, AttemptState.REFUSED)
        ]
        if rings > len(counted):
            problems.append(f"job {job['key']} rang {rings} times in {len(counted)} attempts that count")
        for earlier, later in pairwise(calls):
            if earlier.ended_at is None or earlier.ended_at > later.created_at:
                problems.append(f"job {job['key']} was called at {later.created_at:.3f} during a call")
    return problems


def no_more_at_once(seen: Evidence) -> list[str]:
    """Never over: a new call finds a free slot among those that its process was given."""
    changes: list[tuple[float, int, Call]] = []
    for call in seen.calls:
        if call.takes_slot and call.attempt_id not in seen.misled:
            changes.append((call.created_at, 1, call))
            if call.ended_at is not None:
                changes.append((call.ended_at, -1, call))
    problems, live = [], 0
    for at, by, call in sorted(changes, key=lambda change: change[:2]):
        live += by
        if by > 0 and live > (slots := _slots(seen, call)):
            problems.append(f"{live} calls at once at {at:.3f}, with {slots} slots")
    return problems


def _slots(seen: Evidence, call: Call) -> int:
    """What the process had that claimed the attempt, or a later one, until the call was made."""
    attempt = seen.attempt_of.get(call.attempt_id or "")
    lives = [life for life in seen.heard.lives if life.began <= call.created_at]
    if attempt is not None:
        lives = [life for life in lives if life.ended >= seen.claimed[attempt["id"]]]
    return max((life.slots for life in lives), default=0)


def one_final_result_each(seen: Evidence) -> list[str]:
    """Never lost: each row is a job, and each job has its one last word, or is unknown."""
    problems = []
    keys = Counter(job["key"] for job in seen.jobs)
    taken = {job["to_number"] for job in seen.jobs} | {attempt["to_number"] for attempt in seen.attempts}
    for row in seen.plan.readings[-1].jobs:
        is_anothers = row.to_number is not None and row.to_number in taken
        if not (keys[row.key] or is_anothers or seen.was_cancelled):
            problems.append(f"line {row.line} is no job in the ledger")
    given = {row.key for reading in seen.plan.readings for row in reading.rows if isinstance(row, CallJob)}
    problems += [f"job {key} came from nowhere" for key in keys if key not in given]
    last_words = Counter(line["job_id"] for line in seen.results if line["kind"] == "job")
    parked = {line["job_id"] for line in seen.results if line["kind"] == "unknown"}
    for job in seen.jobs:
        state, words = job["state"], last_words[job["id"]]
        if words != (state in _FINAL):
            problems.append(f"job {job['key']} is {state} and has {words} final results")
        if state not in _FINAL and not (state == JobState.UNKNOWN and job["id"] in parked):
            problems.append(f"job {job['key']} ends as {state}")
    return problems


def one_job_per_person(seen: Evidence) -> list[str]:
    """Nobody is called for two jobs, and no key is two jobs."""
    jobs: dict[str, set[int]] = {}
    for attempt in seen.attempts:
        if attempt["to_number"]:
            jobs.setdefault(attempt["to_number"], set()).add(attempt["job_id"])
    problems = [f"{number} was called for jobs {sorted(ids)}" for number, ids in jobs.items() if len(ids) > 1]
    for name in ("key", "to_number"):
        many = Counter(job[name] for job in seen.jobs if job[name])
        problems += [f"{value} is {count} jobs in the ledger" for value, count in many.items() if count > 1]
    return problems


def log_is_the_ledger(seen: Evidence) -> list[str]:
    """Sequence numbers without gaps or repeats, and the log holds every line of the ledger."""
    numbers = [line["seq"] for line in seen.results]
    problems = []
    if numbers != list(range(1, len(numbers) + 1)):
        problems.append(f"the ledger's sequence numbers are not 1 to {len(numbers)}")
    lines = seen.log.split(b"\n")
    if lines.pop() != b"":
        problems.append("the log ends in the middle of a line")
    stored = [bytes(line["line"]) for line in seen.results]
    if lines != stored:
        place = next(
            (nth for nth, pair in enumerate(zip(lines, stored, strict=False)) if pair[0] != pair[1]),
            min(len(lines), len(stored)),
        )
        problems.append(f"log and ledger ({len(lines)} and {len(stored)} lines) differ from line {place + 1}")
    if any(
        orjson.loads(line)["seq"] != line_of["seq"]
        for line, line_of in zip(stored, seen.results, strict=True)
    ):
        problems.append("a line's own sequence number is not the ledger's")
    return problems


def ledger_knows_each_call(seen: Evidence) -> list[str]:
    """Each call is its attempt's call or its attempt is unknown; the ledger has no call that is not there."""
    problems = []
    for call in seen.calls:
        attempt = seen.attempt_of.get(call.attempt_id or "")
        if attempt is None:
            problems.append(f"{call.call_id} belongs to no attempt")
        elif attempt["id"] in seen.misled:
            continue
        elif attempt["call_id"] != call.call_id and attempt["state"] != AttemptState.UNKNOWN:
            problems.append(f"{call.call_id} is not the call of its attempt, which is {attempt['state']}")
    made = {call.call_id for call in seen.calls}
    held = Counter(attempt["call_id"] for attempt in seen.attempts if attempt["call_id"])
    problems += [f"the ledger's {call_id} was never made" for call_id in held if call_id not in made]
    problems += [f"{many} attempts have {call_id}" for call_id, many in held.items() if many > 1]
    return problems


def only_when_allowed(seen: Evidence) -> list[str]:
    """Nobody is called before `not_before` or from `expires_at` on, by our wall clock as we send."""
    versions: dict[str, list[CallJob]] = {}
    for reading in seen.plan.readings:
        for row in reading.jobs:
            versions.setdefault(row.key, []).append(row)
    keys = {job["id"]: job["key"] for job in seen.jobs}
    problems = []
    for sent, attempt_id in seen.heard.creates:
        attempt = seen.attempt_of.get(attempt_id)
        if attempt is None:
            problems.append(f"a call of {attempt_id} was asked for, which the ledger does not hold")
            continue
        key, at = keys[attempt["job_id"]], seen.wall(sent)
        if not any(
            (row.not_before or 0.0) <= at and (row.expires_at is None or at < row.expires_at)
            for row in versions[key]
        ):
            problems.append(f"job {key} was to be called at {sent:.3f}, outside of its time")
    return problems


def redials_wait(seen: Evidence) -> list[str]:
    """No redial before its delay has passed, and no more attempts than the policy says."""
    policy, problems = seen.plan.config.redial, []
    for job in seen.jobs:
        if len(job["history"].split()) > policy.attempts_max:
            problems.append(
                f"job {job['key']} has {job['history']!r}, more than {policy.attempts_max} attempts"
            )
        history: list[Outcome] = []
        due: Mapping[str, Any] | None = None
        calls = {call.attempt_id: call for call in seen.calls_of_job[job["id"]]}
        for attempt in seen.attempts_of_job[job["id"]]:
            if attempt["id"] in seen.misled:
                continue
            call = calls.get(attempt["id"])
            if call is not None and due is not None and not _waited(seen, due["call"], call, due["delay_s"]):
                problems.append(f"job {job['key']} was redialled at {call.created_at:.3f}, too soon")
            if attempt["state"] == AttemptState.ENDED and call is not None and call.kind is Kind.DIALLED:
                outcome = Outcome(attempt["outcome"])
                delays = policy.delays.get(outcome, ())
                repeats = history.count(outcome)
                due = {"call": call, "delay_s": delays[repeats] if repeats < len(delays) else 1e9}
                history.append(outcome)
    return problems


def _waited(seen: Evidence, earlier: Call, later: Call, delay_s: float) -> bool:
    """Whether the wall clock may have shown the delay between the end of one and the other."""
    if earlier.ended_at is None or earlier.ended_at > later.created_at:
        return False
    times = [earlier.ended_at, later.created_at]
    times += [
        near for at, _ in seen.steps if times[0] < at <= times[1] for near in (max(times[0], at - 1e-6), at)
    ]
    shown = [seen.wall(at) for at in sorted(times)]
    highest = [max(shown[nth:]) for nth in range(len(shown))]
    return max(high - low for high, low in zip(highest, shown, strict=True)) >= delay_s - LATE_S


def it_ends(seen: Evidence) -> list[str]:
    """Everything ends, in bounded time and without falling over."""
    return list(seen.heard.troubles)


def analyses_are_the_calls(seen: Evidence) -> list[str]:
    """Each analysis in the results is the API's own, of a closed attempt's call, and the only one."""
    calls = {call.call_id: call for call in seen.calls}
    problems = []
    for line in seen.results:
        if line["kind"] != "analysis":
            continue
        attempt, call = seen.attempt_of[line["attempt_id"]], calls.get(line["said"]["call_id"])
        if attempt["closed_at"] is None or attempt["call_id"] != line["said"]["call_id"]:
            problems.append(f"attempt {attempt['id']}, {attempt['state']}, has the analysis of another call")
        if call is None or not call.analysed or line["said"]["analysis"] != analysis(call):
            problems.append(f"{line['said']['call_id']} was never analysed so")
    many = Counter(line["attempt_id"] for line in seen.results if line["kind"] == "analysis")
    return problems + [f"{one} has {count} analyses" for one, count in many.items() if count > 1]


def each_call_is_explained(seen: Evidence) -> list[str]:
    """Each attempt has the one decision that made it and no other is there; the chain is whole."""
    problems = [f"the record of decisions: {problem}" for problem in seen.chain]
    dials = Counter(made.attempt_id for made in seen.decisions if made.verdict is Ruling.DIAL)
    for attempt in seen.attempts:
        if (many := dials.pop(attempt["id"], 0)) != 1:
            problems.append(f"attempt {attempt['id']} was decided {many} times")
    problems += [f"{who} was to be dialled and is no attempt" for who in dials]
    attempt_of, state_of = seen.attempt_of, {job["id"]: job["state"] for job in seen.jobs}
    for made in seen.decisions:
        attempt = attempt_of.get(made.attempt_id or "")
        if attempt is not None and (made.job_id, made.at) != (attempt["job_id"], attempt["claimed_at"]):
            problems.append(f"attempt {attempt['id']} was decided for another job or at another time")
        if made.verdict is Ruling.DROP and state_of.get(made.job_id) not in _FINAL:
            problems.append(f"job {made.job_id} was dropped and is {state_of.get(made.job_id)}")
    return problems


def balance_closes(seen: Evidence) -> list[str]:
    """What `dialer verify` adds up."""
    return list(seen.balance)


CHECKS: tuple[Check, ...] = (
    one_call_per_attempt,
    no_more_at_once,
    nothing_is_billed_as_burst,
    server.no_faster,
    server.keys_are_known,
    server.repeats_are_written_first,
    server.what_is_heard_is_believed,
    server.no_evidence_is_denied,
    server.nobody_who_refused,
    server.operators_are_obeyed,
    server.caps_hold,
    one_final_result_each,
    one_job_per_person,
    log_is_the_ledger,
    ledger_knows_each_call,
    only_when_allowed,
    redials_wait,
    it_ends,
    analyses_are_the_calls,
    each_call_is_explained,
    balance_closes,
)


def violations(seen: Evidence) -> list[tuple[str, str]]:
    """Every broken promise: the checker's name and what it says."""
    return [(check.__name__, problem) for check in CHECKS for problem in check(seen)]
