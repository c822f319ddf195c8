"""Numbers that must not be called: how their lines are read, and the set that holds them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.phone import NotANumber, NumberFault
from dialer.domain.suppression import NumberSet, parse_suppression_line

N = "+12125550100"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        (N, None, N),
        (f"  {N}\t\r\n", None, N),
        (f"{N} # asked on 3 May", None, N),
        ("(212) 555-0100", "US", N),
        ("212,5550100", None, N),
        ("+1 212 555 0100", None, N),
        ("tel:+12125550100", None, N),
        ("+１２１２５５５０１００", None, N),
        ("+19995550100", None, "+19995550100"),
        ("+19005550100", None, "+19005550100"),
        ("", None, None),
        (" \t\r\n", None, None),
        ("# a comment", None, None),
        ("  # +12125550100", None, None),
    ],
)
def test_a_line_of_a_file(text: str, region: str | None, number: str | None) -> None:
    assert parse_suppression_line(text, region) == number


@pytest.mark.parametrize(
    ("text", "region", "code"),
    [
        ("2125550100", None, NumberFault.NO_COUNTRY_CODE),
        ("+1212555010", None, NumberFault.NOT_A_VALID_NUMBER),
        ("+121255501000", None, NumberFault.NOT_A_VALID_NUMBER),
        ("+999123456789", None, NumberFault.NOT_A_VALID_NUMBER),
        ("5550100", "US", NumberFault.NO_AREA_CODE),
        ("+15550100", None, NumberFault.NO_AREA_CODE),
        ("+1 999 555 0100", None, NumberFault.NOT_A_VALID_NUMBER),
        ("1.21256E+10", None, NumberFault.SPOILED_BY_SPREADSHEET),
        (f"{N} +14155550101", None, NumberFault.TWO_NUMBERS),
        (f"{N};Ann", None, NumberFault.NOT_A_NUMBER),
        (f"{N} x5", None, NumberFault.HAS_EXTENSION),
        ("phone", None, NumberFault.NOT_A_NUMBER),
        ("911", "US", NumberFault.EMERGENCY_OR_SHORT),
    ],
)
def test_a_line_in_doubt_is_a_fault(text: str, region: str | None, code: NumberFault) -> None:
    fault = parse_suppression_line(text, region)
    assert isinstance(fault, NotANumber)
    assert fault.code is code


numbers = st.sets(st.integers(1_000_000, 10**15 - 1).map(lambda digits: f"+{digits}"), max_size=30)


@given(numbers, numbers)
def test_the_set_holds_what_it_was_given_and_nothing_else(inside: set[str], others: set[str]) -> None:
    held = NumberSet([*inside, *inside])
    assert len(held) == len(inside)
    assert all(number in held for number in inside)
    assert not any(number in held for number in others - inside)
    neighbours = {f"+{int(number[1:]) + step}" for number in inside for step in (-1, 1)}
    assert not any(number in held for number in neighbours - inside)
