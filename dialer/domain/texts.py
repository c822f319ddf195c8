"""Texts from outside: what may be a name, and how any text is shown safely.

A campaign's name becomes part of file names, paths of URLs and lines on terminals. There is one rule for it,
asked wherever a name comes in: command line, HTTP, queues, settings, `ledger copy`, the ledger.
"""

import re

CAMPAIGN_CHARS_MAX = 100
CAMPAIGN_BYTES_MAX = 240
"""In UTF-8. A file's name has at most 255 bytes, and `.rejects.csv` goes behind the campaign's."""
CAMPAIGN_PATTERN = (
    r"^(?!\.)(?!.*\.\.)(?:[ -.0-\[\]-~]{1,100}|"
    r"[^/\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]{1,60})$"
)
"""For JSON Schema, which cannot count bytes: names that it allows are allowed by `campaign_fault`."""
JOB_ID_CHARS_MAX = 200
JOB_ID_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"

HEADER_NAME_PATTERN = r"^[A-Za-z0-9!%*_+`'~.-]+$"
"""A token of SIP (RFC 3261), for a header's name."""
HEADER_VALUE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
"""One line: a line end would begin a header that nobody asked for."""

_CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_HALVES = "\ud800-\udfff"
_UNPRINTABLE = re.compile(f"[{_CONTROL}{_BIDI}{_HALVES}]")
_LINES_KEPT = re.compile(f"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}{_HALVES}]")


def campaign_fault(name: str) -> str | None:
    """Why no campaign can have this name, in words that go behind it; None: it can."""
    if not name:
        return "is empty: give the campaign a name"
    if _UNPRINTABLE.search(name):
        return f"is no campaign's name: it holds a {_unprintable_kind(name)}, take it out"
    if name.startswith(".") or ".." in name or "/" in name or "\\" in name:
        return "is no campaign's name: no / or \\, no dot in front, no two dots in a row"
    if len(name) > CAMPAIGN_CHARS_MAX or len(name.encode()) > CAMPAIGN_BYTES_MAX:
        return (
            f"is no campaign's name: up to {CAMPAIGN_CHARS_MAX} characters and {CAMPAIGN_BYTES_MAX} bytes "
            "in UTF-8, shorten it"
        )
    return None


def job_id_fault(job_id: str) -> str | None:
    """Why no job can have this id, as `campaign_fault`."""
    if len(job_id) > JOB_ID_CHARS_MAX:
        return f"is longer than {JOB_ID_CHARS_MAX} characters: shorten it"
    if _UNPRINTABLE.search(job_id):
        return f"holds a {_unprintable_kind(job_id)}, take it out"
    return None


def header_fault(name: str, value: str) -> str | None:
    """Why this cannot be a SIP header, in words that do not repeat the value; None: it can."""
    if not re.fullmatch(HEADER_NAME_PATTERN, name):
        return "a header's name may hold letters, digits and - . ! % * _ + ` ' ~ only"
    if not re.fullmatch(HEADER_VALUE_PATTERN, value):
        return "a header's value must be one line: take out line ends and other control characters"
    return None


def _unprintable_kind(text: str) -> str:
    if re.search(f"[{_CONTROL}]", text):
        return "control character, such as a new line"
    if re.search(f"[{_BIDI}]", text):
        return "character that changes the direction of text"
    return "half of a character"


def printable(text: str) -> str:
    r"""The text as one line that cannot steer a terminal: an ESC becomes `\x1b`, a bidi mark `\u202e`."""
    return _UNPRINTABLE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The same of several lines: line feeds stay."""
    return _LINES_KEPT.sub(_escaped, text)


def escaped_json(data: bytes) -> bytes:
    r"""The same JSON, with `\u` for each character that JSON lets stand and a terminal may obey."""
    return _LINES_KEPT.sub(lambda found: f"\\u{ord(found[0]):04x}", data.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
