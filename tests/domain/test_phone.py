"""Numbers as people and spreadsheets write them."""

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dialer.domain.north_america import _AREA_CODES
from dialer.domain.phone import (
    NotANumber,
    NumberFault,
    PhoneNumber,
    is_region,
    parse_number,
    read_any,
    read_plain_nanp,
)


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("+12125550100", None, "+12125550100"),
        ("(212) 555-0100", "US", "+12125550100"),
        ("415.555.0101", "US", "+14155550101"),
        ("1-305-555-0103", "US", "+13055550103"),
        ("8085550104", "US", "+18085550104"),
        ("14157774444", "US", "+14157774444"),
        ("14157774444", "CA", "+14157774444"),
        ("  +1 312 555 0102\t", None, "+13125550102"),
        ("(+1) 312 555 0102", None, "+13125550102"),
        ("'+12125550100", None, "+12125550100"),
        ('="2125550100"', "US", "+12125550100"),
        ("tel:+1-212-555-0100", None, "+12125550100"),
        ("p:+12125550100", None, "+12125550100"),
        ("p: 212-555-0100", "US", "+12125550100"),
        ("whatsapp:+12125550100", None, "+12125550100"),
        ("Phone: (212) 555-0100", "US", "+12125550100"),
        ("+1\u00a0212\u2011555\u20130100", None, "+12125550100"),
        ("+1\u2212212\u2212555\u22120100", None, "+12125550100"),
        ("\u202a+1 212 555 0100\u202c", None, "+12125550100"),
        ("＋１２１２５５５０１００", None, "+12125550100"),
        ("+١٢١٢٥٥٥٠١٠٠", None, "+12125550100"),
        ("0049 (0)30 23125000", "DE", "+493023125000"),
        ("+49 (0)30 23125000", None, "+493023125000"),
        ("030/23125000", "DE", "+493023125000"),
        ("011 49 30 23125000", "US", "+493023125000"),
        ("13812345678", "CN", "+8613812345678"),
        ("612345678", "FR", "+33612345678"),
        ("+39 06 69812345", None, "+390669812345"),
        ("+80012345678", None, "+80012345678"),
    ],
)
def test_every_spelling_of_a_number_is_that_number(text: str, region: str | None, e164: str) -> None:
    assert parse_number(text, region) == PhoneNumber(e164)


@pytest.mark.parametrize(
    ("text", "region", "e164", "note"),
    [
        ("14157774444.0", "US", "+14157774444", ".0"),
        ("4155550123.00", "US", "+14155550123", ".0"),
        ("+14155550123.0", None, "+14155550123", ".0"),
        ("442079460000", "GB", "+442079460000", "+"),
    ],
)
def test_what_is_certain_is_repaired_and_noted(text: str, region: str | None, e164: str, note: str) -> None:
    number = parse_number(text, region)
    assert isinstance(number, PhoneNumber)
    assert number.e164 == e164
    assert note in (number.note or "")


@pytest.mark.parametrize(
    ("text", "region", "code"),
    [
        ("", "US", "no_number"),
        (" \u00a0' ", "US", "no_number"),
        ("n/a", "US", "not_a_number"),
        ("1-800-FLOWERS", "US", "not_a_number"),
        ("+1 212 555 0100 Ana", None, "not_a_number"),
        ("\0\0", "US", "not_a_number"),
        ("+", "US", "not_a_number"),
        ("(-) /", "US", "not_a_number"),
        ("2125550100 4155550101", "US", "not_a_number"),
        ("9" * 1000, "US", "not_a_number"),
        ("1" + ",1" * 5000, "US", "not_a_number"),
        ("+15555550100", None, "not_a_valid_number"),
        ("+11235550100", None, "not_a_valid_number"),
        ("+999123456789", None, "not_a_valid_number"),
        ("0049 30 23125000", "US", "not_a_valid_number"),
        ("14157774444", None, "no_country_code"),
        ("14157774444.0", None, "no_country_code"),
        ("0049 30 23125000", None, "no_country_code"),
        ("555-0100", "US", "no_area_code"),
        ("1.41578E+10", "US", "spoiled_by_spreadsheet"),
        ("1,41578E+10", "DE", "spoiled_by_spreadsheet"),
        ("1.4157774444E+10", "US", "spoiled_by_spreadsheet"),
        ("-866", "US", "spoiled_by_spreadsheet"),
        ("########", "US", "spoiled_by_spreadsheet"),
        ("#NAME?", "US", "spoiled_by_spreadsheet"),
        ("=HYPERLINK(A1)", "US", "formula"),
        ("=12125550100+1", "US", "formula"),
        ("+12125550100, +14155550101", None, "two_numbers"),
        ("+12125550100 / +14155550101", None, "two_numbers"),
        ("+12125550100\n+14155550101", None, "two_numbers"),
        ("212 555 0100 or 415 555 0101", "US", "two_numbers"),
        ("212-555-0100/0101", "US", "two_numbers"),
        ("030 2312500/01", "DE", "two_numbers"),
        ("907-555-0105 x12", "US", "has_extension"),
        ("907-555-0105 ext. 12", "US", "has_extension"),
        ("+12125550100;ext=5", None, "has_extension"),
        ("+12125550100,,5#", None, "has_extension"),
        ("4155550123,0", "US", "has_extension"),
        ("030 23125000 Durchwahl 12", "DE", "has_extension"),
        ("+1 212 555 0100 ~12", None, "has_extension"),
        ("212-555-0100~12", "US", "has_extension"),
        ("02-312-3456~7", "KR", "has_extension"),
        ("03-3123-4567\uff5e9", "JP", "has_extension"),
        ("+49 30 2312500~09", None, "has_extension"),
        ("+86 10 6552 9988~9990", None, "has_extension"),
        ("~+12125550100", None, "not_a_number"),
        ("+12125550100~", None, "not_a_number"),
        ("+12125550100*9", None, "not_a_number"),
        ("+12125550100\u00b2", None, "not_a_number"),
        ("+1212555010\u00b2", None, "not_a_number"),
        ("\u2460 2125550100", "US", "not_a_number"),
        ("fax:+12125550100", None, "not_a_number"),
        ("l:+12125550100", None, "not_a_number"),
        ("911", "US", "emergency_or_short"),
        ("911", None, "emergency_or_short"),
        ("112", "DE", "emergency_or_short"),
        ("+1911", None, "emergency_or_short"),
        ("72727", "US", "emergency_or_short"),
        ("116117", "DE", "emergency_or_short"),
        ("+19005550100", None, "premium_rate"),
        ("0900 1 234567", "DE", "premium_rate"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, region: str | None, code: str) -> None:
    fault = parse_number(text, region)
    assert isinstance(fault, NotANumber)
    assert fault.code == code


@pytest.mark.parametrize("text", ["23125000", "3023125000", "493023125000", "15112345678"])
def test_in_an_open_plan_digits_without_trunk_prefix_may_be_somebody_else(text: str) -> None:
    # The numbering plan would take 23125000 from Berlin for 0231 25000 in Dortmund.
    fault = parse_number(text, "DE")
    assert isinstance(fault, NotANumber)
    assert fault.code is NumberFault.NO_AREA_CODE
    assert "DE" in fault.reason


def test_reasons_name_the_way_out_and_no_number() -> None:
    fault = parse_number("4157774444", None)
    assert isinstance(fault, NotANumber)
    assert "`intake.region`" in fault.reason
    assert "777" not in fault.reason


def test_new_area_codes_are_known() -> None:
    assert parse_number("+16895550114", None) == PhoneNumber("+16895550114")


def test_numbers_from_fiction_are_as_valid_as_real_ones() -> None:
    for line in range(100, 200):
        assert isinstance(parse_number(f"+1212555{line:04d}", None), PhoneNumber)


def test_regions() -> None:
    assert is_region("US")
    assert not is_region("us")
    assert not is_region("XX")
    assert parse_number("2125550100", "XX") == parse_number("2125550100", None)


REGIONS = st.sampled_from([None, "US", "CA", "BS", "DE", "GB", "XX"])
NANP = st.builds(
    "{}{}{}{}{}{}{}{}{}".format,
    st.sampled_from(["", "+1", "1", "+1 ", "1-", "1.", "+", "01"]),
    st.sampled_from(["", "("]),
    st.integers(190, 999),
    st.sampled_from(["", ")", ") ", "-"]),
    st.sampled_from(["", " ", "."]),
    st.integers(190, 999),
    st.sampled_from(["", " ", "-", "."]),
    st.integers(0, 9999).map("{:04d}".format),
    st.sampled_from(["", "", "", "0", " "]),
)


@settings(deadline=None)
@given(text=NANP, region=REGIONS)
@example(text="+19005550100", region=None)
@example(text="+18005550100", region=None)
@example(text="+17875550100", region="US")
@example(text="2425550100", region="BS")
def test_the_shortcut_says_what_the_long_way_says(text: str, region: str | None) -> None:
    e164 = read_plain_nanp(text, region)
    if e164 is not None:
        assert read_any(text, region) == PhoneNumber(e164)
    assert parse_number(text, region) == read_any(text, region)


def test_the_shortcut_knows_every_area_code_as_the_long_way_does() -> None:
    taken = 0
    for area in range(200, 1000):
        for exchange in (200, 345, 555, 911, 976, 999):
            text = f"+1{area}{exchange}0142"
            e164 = read_plain_nanp(text, None)
            if e164 is not None:
                taken += 1
                assert read_any(text, None) == PhoneNumber(e164)
    assert taken > 2000


@settings(deadline=None)
@given(st.text(max_size=120) | st.text("+0123456789 ()-./,;x=\"'eE#\n\u00a0", max_size=40), REGIONS)
def test_no_text_raises_and_every_number_is_valid(text: str, region: str | None) -> None:
    match parse_number(text, region):
        case PhoneNumber(e164=e164):
            number = phonenumbers.parse(e164, None)
            assert phonenumbers.is_valid_number(number)
            assert parse_number(e164, None) == PhoneNumber(e164)
        case NotANumber(code=code, reason=reason):
            assert code in NumberFault
            assert reason


DECORATIONS = "~*#@!?%^&$_<>{}\\|`:;xXpPwW"
"""What may stand in a cell beside a number: none of it may vanish together with digits."""


@settings(deadline=None)
@given(
    number=st.sampled_from([("+12125550100", None), ("2125550100", "US"), ("+49302312500", None)]),
    between=st.text(DECORATIONS + " .-/()", min_size=1, max_size=4),
    behind=st.integers(0, 99_999).map(str),
)
@example(number=("+49302312500", None), between="~", behind="09")
@example(number=("+12125550100", None), between=".", behind="0")
def test_no_digit_of_a_cell_is_left_out(number: tuple[str, str | None], between: str, behind: str) -> None:
    text, region = number
    found = parse_number(f"{text}{between}{behind}", region)
    if isinstance(found, PhoneNumber) and not found.note:  # else it is said what was taken off
        assert found.e164.endswith(f"{text}{behind}".removeprefix("+"))


def test_every_area_code_of_the_own_table_can_be_called() -> None:
    for region_codes in _AREA_CODES.strip().splitlines():
        for area in region_codes.split()[1:]:
            numbers = [
                parse_number(f"+1{area}{exchange}0142", None) for exchange in (202, 235, 333, 622, 789)
            ]
            assert any(isinstance(number, PhoneNumber) for number in numbers), area


@pytest.mark.parametrize("text", ["+12355550142", "(235) 555-0142", "1 235 555 0142"])
def test_an_area_code_that_nobody_knows_is_let_in_by_an_operator(text: str) -> None:
    fault = parse_number(text.replace("235", "232"), "US")
    assert isinstance(fault, NotANumber)
    assert "`intake.area_codes`" in fault.reason
    assert parse_number(text.replace("235", "232"), "US", {"232"}) == PhoneNumber("+12325550142")


@pytest.mark.parametrize("text", ["+12321550142", "+12325110142", "+1232555014", "+123255501421"])
def test_in_a_new_area_code_too_a_number_has_the_form_of_a_number(text: str) -> None:
    assert isinstance(parse_number(text, None, {"232"}), NotANumber)
