"""The chain of decisions: nothing in it can be changed, taken out or moved unseen."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialer.adapters.ledger.queue.decisions import encoded
from dialer.domain.calls import AttemptId, CampaignId, JobId
from dialer.domain.decisions import (
    FIRST_HASH,
    PROBLEMS_MAX,
    Decision,
    Entry,
    Head,
    Ruling,
    append,
    chain,
    check_chain,
    decode,
    encode,
)

HELD = Decision(
    at=1_800_000_000.125,
    campaign_id=CampaignId(1),
    job_id=JobId(17),
    attempt_id=None,
    number="+12125550100",
    verdict=Ruling.WAIT,
    rule="hours",
    why="outside calling hours",
    input={"zone": "America/New_York", "local": "2027-01-15T03:00:00-05:00"},
    until=1_800_018_000.0,
)

facts = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    max_size=3,
)
seconds = st.floats(0, 4e9)
decisions = st.builds(
    Decision,
    at=seconds,
    campaign_id=st.integers(1, 9).map(CampaignId),
    job_id=st.integers(1, 99).map(JobId),
    attempt_id=st.none() | st.text("0123456789abcdef-", max_size=8).map(AttemptId),
    number=st.none() | st.sampled_from(("+12125550100", "+14155550101")),
    verdict=st.sampled_from(Ruling),
    rule=st.text(max_size=5),
    why=st.text(max_size=5),
    input=facts,
    until=st.none() | seconds,
)
chains = st.lists(decisions, min_size=1, max_size=8).map(lambda all_of_them: chained(*all_of_them))


def chained(*wanted: Decision) -> list[Entry]:
    entries: list[Entry] = []
    head = Head(0, FIRST_HASH)
    for decision in wanted:
        entries.append(append(head, decision))
        head = Head(entries[-1].seq, entries[-1].hash)
    return entries


def head_of(entries: list[Entry]) -> Head:
    return Head(len(entries), entries[-1].hash)


@given(decisions)
def test_a_decision_comes_back_as_it_was(decision: Decision) -> None:
    assert decode(encode(decision)) == decision
    backwards = replace(decision, input=dict(reversed(decision.input.items())))
    assert encode(backwards) == encode(decision)


@given(decisions, decisions)
def test_two_decisions_have_the_same_bytes_only_if_they_are_the_same(one: Decision, other: Decision) -> None:
    if encode(one) == encode(other):
        assert one == other


def test_the_bytes_are_the_format_of_stored_entries() -> None:
    assert encode(HELD) == (
        b'[1800000000.125,1,17,null,"+12125550100","wait","hours","outside calling hours",1800018000.0,'
        b'{"local":"2027-01-15T03:00:00-05:00","zone":"America/New_York"}]'
    )
    assert chain(FIRST_HASH, HELD).hex() == (
        "5a0aaf90e1108dbdfc7ae9cbdc64f81fb817ba7e9eb4d2744f6cacf1d63b4b4a"
    )


def as_stored(decision: Decision) -> bytes:
    """The format, as the standard library writes it."""
    fields = (getattr(decision, name) for name in ("at", "campaign_id", "job_id", "attempt_id", "number"))
    others = decision.verdict, decision.rule, decision.why, decision.until, decision.input
    return json.dumps([*fields, *others], separators=(",", ":"), sort_keys=True).encode()


@given(decisions)
def test_the_bytes_are_what_the_standard_library_writes(decision: Decision) -> None:
    assert encode(decision) == encoded(decision) == as_stored(decision)


@given(st.floats(allow_nan=False))
@example(1e15)
@example(1e16)
@example(123456789012345.67)
@example(1e-5)
@example(-0.0)
def test_a_number_is_written_in_one_way(value: float) -> None:
    for decision in (replace(HELD, at=value), replace(HELD, until=value), replace(HELD, input={"x": value})):
        assert encode(decision) == encoded(decision) == as_stored(decision)


@pytest.mark.parametrize("code", [*range(0x80), 0xE9, 0x2028, 0x1F600])
def test_a_character_is_written_in_one_way(code: int) -> None:
    for decision in (replace(HELD, why=f"a{chr(code)}"), replace(HELD, input={f"{chr(code)}b": chr(code)})):
        assert encode(decision) == encoded(decision) == as_stored(decision)


@pytest.mark.parametrize("value", [float("inf"), "\ud800", "\0", "é", {"3 per 1w": 2}, [1, None], 10**30])
def test_whatever_a_rule_was_given_can_be_written_down(value: Any) -> None:
    decision = replace(HELD, input={"x": value})
    assert decode(encode(decision)) == decision


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1,2]", b"\xff", encode(HELD)[:-1], b"7"])
def test_bytes_that_are_no_decision_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        decode(body)


@given(chains)
def test_a_chain_as_it_was_written_has_no_problems(entries: list[Entry]) -> None:
    assert check_chain(iter(entries), head_of(entries)) == []
    assert check_chain(entries) == []
    previous = FIRST_HASH
    for entry in entries:
        assert chain(previous, decode(entry.body)) == entry.hash
        previous = entry.hash
    assert check_chain([], Head(0, FIRST_HASH)) == []


@given(chains, st.data())
def test_any_single_change_is_found(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    entry = entries[index]
    field = data.draw(st.sampled_from(("seq", "previous", "body", "hash")))
    if field == "seq":
        changed = replace(entry, seq=entry.seq + data.draw(st.sampled_from((-1, 1, 5))))
    else:
        old = getattr(entry, field)
        at = data.draw(st.integers(0, len(old) - 1))
        bit = 1 << data.draw(st.integers(0, 7))
        new = old[:at] + bytes([old[at] ^ bit]) + old[at + 1 :]
        changed = replace(entry, **{field: new})
    broken = [*entries[:index], changed, *entries[index + 1 :]]
    assert check_chain(broken, head_of(entries))


@given(st.lists(decisions, min_size=2, max_size=8).map(lambda each: chained(*each)), st.data())
def test_what_was_taken_out_moved_doubled_or_put_in_is_found(
    entries: list[Entry], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.integers(0, len(entries) - 1).filter(lambda each: each != index))
    swapped = list(entries)
    swapped[index], swapped[other] = swapped[other], swapped[index]
    foreign = append(Head(index, entries[index].previous), data.draw(decisions))
    for broken in (
        swapped,
        entries[:index] + entries[index + 1 :],
        entries[: index + 1] + entries[index:],
        [*entries[:index], foreign, *entries[index:]],
    ):
        assert check_chain(broken, head_of(entries))
        if len(broken) >= len(entries) or index < len(entries) - 1:
            assert check_chain(broken)


@given(chains, st.data())
def test_a_link_forged_with_its_own_hash_breaks_the_next(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    forged = append(Head(index, entries[index].previous), data.draw(decisions))
    broken = [*entries[:index], forged, *entries[index + 1 :]]
    assert bool(check_chain(broken, head_of(entries))) == (forged != entries[index])


@given(chains, st.data())
def test_a_cut_tail_is_found_by_the_head_alone(entries: list[Entry], data: st.DataObject) -> None:
    left = entries[: data.draw(st.integers(0, len(entries) - 1))]
    assert check_chain(left) == []
    assert check_chain(left, head_of(entries))


def test_problems_are_named_by_their_number_and_bounded() -> None:
    entries = chained(*(replace(HELD, job_id=JobId(number)) for number in range(1, 500)))
    changed = replace(entries[6], body=encode(HELD))
    assert check_chain([*entries[:6], changed, *entries[7:]]) == [
        "decision 7 was changed after it was written"
    ]
    assert check_chain(entries[:6] + entries[7:]) == [
        "decision 7 is missing or moved: number 8 stands in its place",
        "decision 8 does not follow the one before: one was taken out or moved",
    ]
    assert check_chain(entries[:6], head_of(entries)) == ["the chain has 6 decisions and should have 499"]
    assert check_chain(entries, Head(499, FIRST_HASH)) == [
        "decision 499 is not the last one that was written"
    ]
    assert check_chain(entries, Head(500, entries[-1].hash))
    everywhere = check_chain(replace(entry, body=b"x") for entry in entries)
    assert len(everywhere) == PROBLEMS_MAX + 1
