"""What the rejects file says of a number that is not called: what is wrong, and the way out."""

import phonenumbers
import pytest

from dialer.domain.phone import TEXT_CHARS_MAX, NotANumber, PhoneNumber, parse_number

UNKNOWN_TO = f"(phonenumbers {phonenumbers.__version__})"


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("", "US", "is empty"),
        ("n/a", "US", "is not a phone number"),
        ("(-) /", "US", "is not a phone number: it has no digits"),
        ("2125550100 4155550101", "US", "is not a phone number"),
        ("9" * 1000, "US", "is too long for a phone number"),
        ("+999123456789", None, "has a country code that does not exist"),
        (
            "+15555550100",
            None,
            f"is in no numbering plan {UNKNOWN_TO}: correct it; if its area code is new, name it in "
            "`intake.area_codes`, or update the phonenumbers package",
        ),
        (
            "14157774444",
            None,
            "has no country code: write it as +<country code><number>, or set `intake.region` "
            "(for example US) if all numbers without + are of one country",
        ),
        ("555-0100", "US", "has no area code"),
        (
            "23125000",
            "DE",
            "may lack its area code or its first digits: in DE a number begins with 0 or with +",
        ),
        (
            "1.41578E+10",
            "US",
            "was rounded by the spreadsheet: format the column as Text, paste the numbers again, save",
        ),
        ("=HYPERLINK(A1)", "US", "is a formula: replace it by its value"),
        (
            "212 555 0100 or 415 555 0101",
            "US",
            "holds more than one number: keep the one to be called",
        ),
        (
            "907-555-0105 x12",
            "US",
            "has an extension, which cannot be dialled: give a direct number, or leave the extension out",
        ),
        ("911", "US", "is an emergency or short number, never called"),
        ("+19005550100", None, "is a premium rate number, never called"),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(text: str, region: str | None, reason: str) -> None:
    fault = parse_number(text, region)
    assert isinstance(fault, NotANumber)
    assert fault.reason == reason


@pytest.mark.parametrize(
    ("text", "region", "note"),
    [
        ("14157774444.0", "US", "took off the .0 that a spreadsheet had added"),
        ("442079460000", "GB", "put back the lost +"),
        ("+12125550100", None, None),
    ],
)
def test_it_says_what_was_repaired(text: str, region: str | None, note: str | None) -> None:
    number = parse_number(text, region)
    assert isinstance(number, PhoneNumber)
    assert number.note == note


@pytest.mark.parametrize(("spaces", "fits"), [(0, True), (1, False)])
def test_a_text_may_be_so_long_and_no_longer(spaces: int, fits: bool) -> None:
    text = "+1 212 555" + " " * (TEXT_CHARS_MAX - 14 + spaces) + "0100"
    assert isinstance(parse_number(text, None), PhoneNumber) == fits
    assert isinstance(parse_number(text.replace(" ", "\u00a0"), None), PhoneNumber) == fits
