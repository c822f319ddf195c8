"""A number from before a change of plan and the one after it are one person."""

import phonenumbers
import pytest

from dialer.domain.phone import NotANumber, PhoneNumber, parse_number
from dialer.domain.spellings import CHANGES, current_spelling, spellings
from dialer.domain.suppression import NumberSet, parse_suppressed_number

PAIRS = [
    ("+551187654321", "+5511987654321"),
    ("+5215512345678", "+525512345678"),
    ("+22997123456", "+2290197123456"),
    ("+841681234567", "+84381234567"),
    ("+841201234567", "+84701234567"),
    ("+841991234567", "+84591234567"),
    ("+5712345678", "+576012345678"),
]
"""Before and after, where the one says the other."""
BOTH_IN_USE = [("+541123456789", "+5491123456789"), ("+551171234567", "+5511971234567")]
BY_OPERATOR = [("+22507123456", "+2250107123456"), ("+22507123456", "+2250707123456")]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_an_old_number_is_read_as_the_new_one(old: str, new: str) -> None:
    assert phonenumbers.is_valid_number(phonenumbers.parse(new))
    assert parse_number(new, None) == PhoneNumber(new)
    read = parse_number(old, None)
    assert isinstance(read, PhoneNumber)
    assert read.e164 == new
    assert "numbering plan" in (read.note or "")
    assert parse_suppressed_number(old, None) == new


def test_it_is_so_however_it_is_spelt() -> None:
    for text, region in (("+55 11 8765-4321", None), ("(11) 8765-4321", "BR"), ("1187654321", "BR")):
        read = parse_number(text, region)
        assert isinstance(read, PhoneNumber)
        assert read.e164 == "+5511987654321"


@pytest.mark.parametrize(("old", "new"), PAIRS + BOTH_IN_USE + BY_OPERATOR)
def test_both_forms_protect_each_other(old: str, new: str) -> None:
    assert {old, new} <= set(spellings(old))
    assert {old, new} <= set(spellings(new))
    assert NumberSet([old]).covers(new)
    assert NumberSet([new]).covers(old)


@pytest.mark.parametrize(("old", "new"), BOTH_IN_USE)
def test_where_both_forms_are_in_use_each_stays_as_it_is(old: str, new: str) -> None:
    assert parse_number(old, None) == PhoneNumber(old)
    assert parse_number(new, None) == PhoneNumber(new)


@pytest.mark.parametrize(("old", "new"), BY_OPERATOR)
def test_what_depends_on_the_operator_is_not_guessed_and_still_protects(old: str, new: str) -> None:
    assert isinstance(parse_number(old, None), NotANumber)
    assert current_spelling(old) is None
    assert parse_suppressed_number(old, None) == old


@pytest.mark.parametrize("number", ["+12125550100", "+493023125000", "+551123456789", "+5215512", "+5511"])
def test_other_numbers_have_one_spelling(number: str) -> None:
    assert spellings(number) == (number,)
    assert current_spelling(number) is None
    assert not NumberSet(["+12125550101"]).covers(number)


def test_each_change_names_its_source() -> None:
    assert all(change.source for change in CHANGES)
