"""A cell of a lead list becomes an E.164 number, or a plain reason why it does not. Never raises.

Calling the wrong person is worse than not calling, so only what is certain is repaired:

- spelling: brackets, dots, hyphens and digits of any script, no-break and invisible characters, `tel:` and
  other marks of exports (`_MARKS`), `="..."` and the apostrophe that mark text in Excel, `0049`, `(0)`;
- `.0` behind plain digits: a spreadsheet wrote the number as a float, and no digit is lost;
- a lost `+`: only with a default region, and only if the digits cannot be a national number of it.

Refused because only the sender knows: lost digits (`1.41578E+10`), two numbers in a cell, an extension (an
API for E.164 cannot dial it, and the switchboard is another person), a missing area code or trunk prefix.

A number must be valid, not just of a possible length: what is possible but in no numbering plan is nearly
always a typing error, and one right digit further a stranger picks up. The plans come with the phonenumbers
package; the reason names its version, since area codes are added every year.
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumberFormat, PhoneNumberType, ValidationResult

from dialer.domain.north_america import area_code_regions
from dialer.domain.records import record
from dialer.domain.spellings import current_spelling

TEXT_CHARS_MAX = 80
"""The longest cell that is looked at; the longest sensible spelling of a number has about 30."""
SHORT_DIGITS_MAX = 6
"""No complete number of any country has so few digits; 911, 112 and other short numbers do."""


class NumberFault(StrEnum):
    """Why a text is no number to call. Stable, for machines."""

    NO_NUMBER = "no_number"
    NOT_A_NUMBER = "not_a_number"
    NOT_A_VALID_NUMBER = "not_a_valid_number"
    NO_COUNTRY_CODE = "no_country_code"
    NO_AREA_CODE = "no_area_code"
    SPOILED_BY_SPREADSHEET = "spoiled_by_spreadsheet"
    FORMULA = "formula"
    TWO_NUMBERS = "two_numbers"
    HAS_EXTENSION = "has_extension"
    EMERGENCY_OR_SHORT = "emergency_or_short"
    PREMIUM_RATE = "premium_rate"


@record
class PhoneNumber:
    e164: str
    note: str | None = None
    """What was repaired, if it was more than spelling."""


@dataclass(frozen=True, slots=True)
class NotANumber:
    code: NumberFault
    reason: str
    """What is wrong and what to do: a clause to follow the column's name. Holds no digit of the number."""


def parse_number(text: str, region: str | None, area_codes: Collection[str] = ()) -> PhoneNumber | NotANumber:
    """The number in a cell. `region`: two-letter country whose national numbers are accepted too, or None.

    `area_codes`: those of North America that an operator knows of; the ones of `north_america.py` are known.
    """
    e164 = read_plain_nanp(text, region)
    return PhoneNumber(e164) if e164 is not None else read_any(text, region, area_codes)


def is_region(region: str) -> bool:
    """True for a two-letter country code (in capitals) whose numbering plan is known."""
    return region in phonenumbers.SUPPORTED_REGIONS


def load_plans() -> None:
    """Read every numbering plan now, in half a second, and not when its first number comes.

    phonenumbers reads a plan under a lock that it does not give back when the file cannot be opened: after a
    moment without a file descriptor the next number would wait for ever, and the whole process with it.
    """
    phonenumbers.PhoneMetadata.load_all()


_PLAIN_NANP = re.compile(r"(\+?1[ .-]?)?\(?([2-9][0-9]{2})\)?[ .-]?([2-9][0-9]{2})[ .-]?([0-9]{4})")
_NANP_CODE = 1
"""North America's country code."""
_NANP_REGIONS = frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[_NANP_CODE])


def read_plain_nanp(text: str, region: str | None) -> str | None:
    """The number if `text` is a plainly written one of North America, else None: then `read_any` decides.

    The same answer as `read_any` at a tenth of its cost (25 us): it asks the same patterns directly.
    """
    match = _PLAIN_NANP.fullmatch(text)
    if match is None:
        return None
    prefix, area, exchange, rest = match.groups()
    if (prefix is None or prefix[0] != "+") and region not in _NANP_REGIONS:
        return None
    digits = f"{area}{exchange}{rest}"
    return f"+1{digits}" if _nanp_patterns().fullmatch(digits) else None


@cache
def _nanp_patterns() -> re.Pattern[str]:
    """Every ordinary number (not premium, not toll-free) behind +1, the US first."""
    lines = []
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[_NANP_CODE]:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        if metadata is not None and metadata.fixed_line is not None:
            lines.append(f"(?:{metadata.fixed_line.national_number_pattern})")
    return re.compile("|".join(lines), re.ASCII)


@cache
def _is_new_area(area: str) -> bool:
    """Whether the phonenumbers package takes no number at all with this area code."""
    patterns = _nanp_patterns()
    return not any(patterns.fullmatch(f"{area}{exchange}0100") for exchange in range(200, 1000))


_NEW_NANP = re.compile(r"([2-9][0-9]{2})[2-9](?!11)[0-9]{6}")
"""A number of North America; in a new area code no more is known of it."""


def read_any(text: str, region: str | None, area_codes: Collection[str] = ()) -> PhoneNumber | NotANumber:
    """As `parse_number`, without its shortcut."""
    text = _plain(text)
    fault = _what_it_says_itself(text)
    if fault is not None:
        return fault
    note = None
    if _FLOAT.fullmatch(text):
        text, note = text.partition(".")[0], "took off the .0 that a spreadsheet had added"
    if region is not None and not is_region(region):
        region = None
    if not text.lstrip("(").startswith("+") and region is None:
        return NotANumber(
            NumberFault.NO_COUNTRY_CODE,
            "has no country code: write it as +<country code><number>, or set `intake.region` "
            "(for example US) if all numbers without + are of one country",
        )
    before_slash = text.rpartition("/")[0]
    if before_slash and _is_whole(before_slash, region):
        return _TWO
    try:
        number = phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            return NotANumber(NumberFault.NOT_A_VALID_NUMBER, "has a country code that does not exist")
        return NotANumber(NumberFault.NOT_A_NUMBER, "is not a phone number")
    return _judge(number, text, region, note, area_codes)


_TWO = NotANumber(NumberFault.TWO_NUMBERS, "holds more than one number: keep the one to be called")

_INVISIBLE = {"Cf": "", "Zs": " ", "Zl": "\n", "Zp": "\n", "Pd": "-"}
_MARKS = frozenset({"tel", "phone", "callto", "sms", "whatsapp", "p"})
"""What stands before the colon in exports: of links, of Twilio (`whatsapp:`), of Meta's lead ads (`p:`)."""
_WRAPPING = " \t'\"`´‘’“”"


def _plain(text: str) -> str:
    """The same spelling in ASCII, trimmed, without the marks of a spreadsheet's text cell."""
    if not text.isascii():
        text = "".join(map(_plain_char, _compatible(text[: TEXT_CHARS_MAX + 1])))
    text = text.strip().strip(_WRAPPING)
    if text.startswith('="'):
        text = text[2:].strip(_WRAPPING)
    mark, colon, rest = text.partition(":")
    return rest.strip(_WRAPPING) if colon and mark.strip().lower() in _MARKS else text


def _compatible(text: str) -> str:
    """In NFKC, but for numerals that are no digits, such as a footnote's: those stay and refuse the text."""
    return "".join(
        char if unicodedata.category(char) in ("No", "Nl") else unicodedata.normalize("NFKC", char)
        for char in text
    )


def _plain_char(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return "-" if char == "\N{MINUS SIGN}" else _INVISIBLE.get(unicodedata.category(char), char)


_FLOAT = re.compile(r"\+?[0-9]{7,15}\.0{1,2}")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE]\+?[0-9]+")
_SPOILED = re.compile(r"-[0-9]+|#+|#[A-Z0-9/]+[!?]?")
_SEPARATOR = re.compile(r"[,;|&\n]|\b(?:or|and|oder|und|ou|et|o|y)\b", re.IGNORECASE)
_EXTENSION = re.compile(
    r".*[0-9)][\s,;./-]*"
    r"(?:[,;~]|x|#|ext|extn|extension|;ext=|ex|int|anexo|ramal|poste|durchwahl|dw|app)[\s.:=]*[0-9]{1,7}#?",
    re.IGNORECASE | re.DOTALL,
)
_SPELLING = re.compile(r"\(?\+?[0-9 \t().\[\]/-]+")


def _what_it_says_itself(text: str) -> NotANumber | None:
    """The fault that the text shows without knowing any numbering plan."""
    if not text:
        return NotANumber(NumberFault.NO_NUMBER, "is empty")
    if _SCIENTIFIC.fullmatch(text) or _SPOILED.fullmatch(text):
        return NotANumber(
            NumberFault.SPOILED_BY_SPREADSHEET,
            "was rounded by the spreadsheet: format the column as Text, paste the numbers again, save",
        )
    if text[0] in "=@":
        return NotANumber(NumberFault.FORMULA, "is a formula: replace it by its value")
    if _holds_two(text):
        return _TWO
    if len(text) > TEXT_CHARS_MAX:
        return NotANumber(NumberFault.NOT_A_NUMBER, "is too long for a phone number")
    if _EXTENSION.fullmatch(text):
        return NotANumber(
            NumberFault.HAS_EXTENSION,
            "has an extension, which cannot be dialled: give a direct number, or leave the extension out",
        )
    if not _SPELLING.fullmatch(text):
        return NotANumber(NumberFault.NOT_A_NUMBER, "is not a phone number")
    digits = _digits(text)
    if not digits:
        return NotANumber(NumberFault.NOT_A_NUMBER, "is not a phone number: it has no digits")
    if len(digits) <= SHORT_DIGITS_MAX:
        return NotANumber(NumberFault.EMERGENCY_OR_SHORT, "is an emergency or short number, never called")
    return None


def _holds_two(text: str) -> bool:
    """Two long runs of digits with something between them that separates, or a second `+`."""
    if len(text) > 4 * TEXT_CHARS_MAX:
        return False
    parts = [part for part in _SEPARATOR.split(text) if len(_digits(part)) > SHORT_DIGITS_MAX]
    later_plus = text.rfind("+")
    return len(parts) > 1 or (later_plus > 0 and len(_digits(text[:later_plus])) > SHORT_DIGITS_MAX)


def _digits(text: str) -> str:
    return "".join(char for char in text if "0" <= char <= "9")


def _judge(
    number: phonenumbers.PhoneNumber,
    text: str,
    region: str | None,
    note: str | None,
    area_codes: Collection[str],
) -> PhoneNumber | NotANumber:
    """Whether a number that could be read is one to call."""
    if not _digits(text).endswith(phonenumbers.national_significant_number(number)[-SHORT_DIGITS_MAX:]):
        # the package left out what stands behind the number
        return NotANumber(NumberFault.NOT_A_NUMBER, "has digits behind the number: keep the number alone")
    if phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        return NotANumber(NumberFault.NO_AREA_CODE, "has no area code")
    if (now := _as_of_today(number)) is not None:
        return now
    if not phonenumbers.is_valid_number(number) and not _is_in_new_area(number, area_codes):
        return NotANumber(
            NumberFault.NOT_A_VALID_NUMBER,
            f"is in no numbering plan (phonenumbers {phonenumbers.__version__}): correct it; if its area "
            "code is new, name it in `intake.area_codes`, or update the phonenumbers package",
        )
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        return NotANumber(NumberFault.PREMIUM_RATE, "is a premium rate number, never called")
    if number.country_code_source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN:
        if number.country_code != _NANP_CODE:  # there the 1 is the trunk prefix too, and nothing was lost
            note = note or "put back the lost +"
    elif number.country_code_source != CountryCodeSource.FROM_DEFAULT_COUNTRY:
        return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164), note)
    if region is not None and not _is_closed_plan(region):
        national = _digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
        if national != _digits(text):
            return NotANumber(
                NumberFault.NO_AREA_CODE,
                f"may lack its area code or its first digits: in {region} a number begins with 0 or with +",
            )
    return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164), note)


def _as_of_today(number: phonenumbers.PhoneNumber) -> PhoneNumber | None:
    """What an invalid number is since its country changed its plan; None: nothing that is certain."""
    if phonenumbers.is_valid_number(number):
        return None
    e164 = current_spelling(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    if e164 is None or not phonenumbers.is_valid_number(phonenumbers.parse(e164)):
        return None
    return PhoneNumber(e164, "wrote an old number as its country's numbering plan has it now")


def _is_in_new_area(number: phonenumbers.PhoneNumber, area_codes: Collection[str]) -> bool:
    """Whether it has an area code of North America that people have and the phonenumbers package lacks."""
    match = _NEW_NANP.fullmatch(phonenumbers.national_significant_number(number))
    if match is None or number.country_code != _NANP_CODE:
        return False
    return match[1] in area_codes or (bool(area_code_regions(match[1])) and _is_new_area(match[1]))


def _is_whole(text: str, region: str | None) -> bool:
    """True if this part of a text is a complete number already: `030` of `030/2312500` is not."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


@cache
def _is_closed_plan(region: str) -> bool:
    """True where numbers have one length, so that digits without trunk prefix cannot be a local number.

    In open plans (Germany, Austria, ...) they can: 23125000 in Berlin would ring 0231 25000 in Dortmund.
    """
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.fixed_line is None or metadata.national_prefix is None:
        return True
    lengths = metadata.fixed_line.possible_length
    return max(lengths) - min(lengths) <= 1
