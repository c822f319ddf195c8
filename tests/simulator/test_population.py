"""People drawn for a rehearsal: in the shares that were asked for, the same for a seed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.simulator.people import Behaviour, behaviour_of
from dialer.simulator.population import USUAL, WORDS, Population

NUMBERS = [f"+1212{n:07d}" for n in range(2_000_000, 2_020_000)]
"""Made by counting, and given to nothing that could dial."""


def drawn(people: Population, calls_before: int = 0) -> Counter[Behaviour]:
    return Counter(people.who(number, calls_before, 7) for number in NUMBERS)


@pytest.mark.parametrize("calls_before", [0, 3])
def test_the_shares_are_those_of_an_ordinary_list(calls_before: int) -> None:
    counted = drawn(Population.parse(""), calls_before)
    for word, share in USUAL.items():
        assert counted[WORDS[word]] / len(NUMBERS) == pytest.approx(share, abs=0.015), word
    assert sum(counted[WORDS[word]] for word in WORDS) == len(NUMBERS)


def test_a_number_that_does_not_exist_never_does() -> None:
    people = Population.parse("")
    gone = [n for n in NUMBERS if people.who(n, 0, 7) is Behaviour.INVALID]
    assert gone
    assert {people.who(n, calls, 7) for n in gone for calls in range(5)} == {Behaviour.INVALID}


def test_somebody_who_was_out_may_answer_the_next_time() -> None:
    people = Population.parse("")
    assert len({people.who(NUMBERS[0], calls, 7) for calls in range(40)}) >= 3


def test_the_same_seed_draws_the_same_people() -> None:
    people = Population.parse("")
    first = [people.who(n, 0, 7) for n in NUMBERS[:500]]
    assert first == [people.who(n, 0, 7) for n in NUMBERS[:500]]
    assert first != [people.who(n, 0, 8) for n in NUMBERS[:500]]


def test_numbers_for_fiction_keep_their_script() -> None:
    people = Population.parse("answers=1")
    for digits in range(100):
        number = f"+121255501{digits:02d}"
        assert people.who(number, 0, 1) is behaviour_of(number)
    assert people.who("+12125550293", 0, 1) is Behaviour.ANSWERS


def test_a_given_share_holds_and_the_others_share_the_rest() -> None:
    shares = Population.parse("voicemail=0.4, busy=0.2").shares
    assert (shares["voicemail"], shares["busy"]) == (0.4, 0.2)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["answers"] / shares["no-answer"] == pytest.approx(0.35 / 0.22)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("voicemial=0.4", "'voicemial' is not one of answers, voicemail"),
        ("voicemail", "not WORD=SHARE"),
        ("voicemail=much", "not WORD=SHARE"),
        ("voicemail=1.5", "a number from 0 to 1"),
        ("voicemail=nan", "a number from 0 to 1"),
        ("voicemail=0.7,busy=0.7", "add up to 1.4"),
        (",".join(f"{word}=0.1" for word in WORDS), "add up to 0.8"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Population.parse(text)


@given(st.dictionaries(st.sampled_from(sorted(WORDS)), st.floats(0, 1)))
def test_shares_are_whole_or_refused(given_shares: dict[str, float]) -> None:
    try:
        people = Population.of(given_shares)
    except ValueError:
        return
    assert sum(people.shares.values()) == pytest.approx(1)
    assert all(share >= 0 for share in people.shares.values())
