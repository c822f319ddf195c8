"""What kind of text file this is: its encoding, its delimiter and its header."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from dialer.domain.errors import BadInput

SAMPLE_BYTES_MAX = 1024 * 1024
"""How much of the file the encoding is judged by."""
HEADER_LINES_MAX = 20
"""A header may run over so many physical lines (newlines in quoted names)."""
CONTROL_SHARE_MAX = 0.1
"""With more control characters than this share of its bytes a file is no text."""
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file opened as text, line ends untouched."""

    stream: TextIO
    encoding: str
    unreadable: re.Pattern[str]
    """Finds the characters that stand for bytes which are no text in this encoding."""


def open_text(path: Path, encoding: str | None, *, only_numbers: bool = False) -> TextFile:
    """Open `path`; without an `encoding` it is detected. `only_numbers`: its letters do not matter.

    Raises `BadInput`, also for what is no text.
    """
    try:
        raw = path.open("rb", buffering=0)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    # Peeking instead of seeking: a pipe works too.
    buffered = io.BufferedReader(raw, SAMPLE_BYTES_MAX)
    try:
        sample = buffered.peek(SAMPLE_BYTES_MAX)
        _check_is_text(path, sample, encoding)
        return _decoded(
            cast(BinaryIO, buffered), encoding or detect_encoding(sample, only_numbers=only_numbers)
        )
    except LookupError as error:
        buffered.close()
        raise BadInput(
            f"{path}: `intake.encoding` is {encoding!r}, which is no text encoding: use for example utf-8"
        ) from error
    except OSError as error:
        buffered.close()
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
    except BadInput:
        buffered.close()
        raise


def _decoded(binary: BinaryIO, encoding: str) -> TextFile:
    """Bytes that are no text become lone surrogates (they can be written back as they were) or U+FFFD."""
    name = codecs.lookup(encoding).name
    keeps_bytes = name in ("utf-8", "utf-8-sig") or name.startswith(("cp125", "iso8859"))
    stream = io.TextIOWrapper(
        binary, encoding, errors="surrogateescape" if keeps_bytes else "replace", newline=""
    )
    return TextFile(stream, name, re.compile("[\ud800-\udfff]" if keeps_bytes else "[\ud800-\udfff\ufffd]"))


def detect_encoding(sample: bytes, *, only_numbers: bool = False) -> str:
    """The encoding, from a byte order mark or from what the bytes are. Pure.

    cp1252 gives a letter to nearly any byte, so it is only taken when the file has more bytes that are wrong
    in UTF-8 than letters that are right in it, nothing that looks damaged (control characters), and reads as
    Western European. A file that is UTF-8 but for some rows stays UTF-8, and so does one with two likely
    readings (Chinese in cp1252, Polish in cp1252): those rows are refused until the encoding is told.
    """
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample, final=False)
    if text.isascii():
        return "utf-8"
    wrong = len(re.findall("[\udc80-\udcff]", text))
    right = sum(not char.isascii() for char in text) - wrong
    damaged = _control_bytes(sample) or re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample)
    if wrong > right and not damaged and (only_numbers or _is_western(sample.decode("cp1252"))):
        return "cp1252"
    return "utf-8"


_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿŠŽšžŒœŸ"
_HIGH = "[^\x00-\x7f]"
_ODD = re.compile(
    rf"{_HIGH}{{3,}}"  # no Western word has three such letters in a row, and all Chinese or Russian ones have
    rf"|(?<![{_LETTERS}]){_HIGH}{{2}}(?![{_LETTERS}])"
    "|[ƒ†‡ˆ‰‹›˜¤¥¦¨¬¯±¸×÷]"
    f"|[£¢¹²³¼½¾µ¶](?=[a-zß-ÿ])|(?<=[a-z])[£¢¹³¼½¾µ¶¿¡]"
)
_MARKS = re.compile("[\u2010-\u2026\u20ac\u2122\xa0]+")
"""Quotes, dashes, dots, the euro sign: beside letters in any text."""


def _is_western(text: str) -> bool:
    """Whether a text in cp1252 is likely one; else its bytes are perhaps those of another encoding."""
    return _ODD.search(_MARKS.sub(" ", text)) is None


_TEXT_BYTES = bytes({*range(0x20, 0x100), *b"\t\n\r\f\v"} - {0x7F})
_KNOWN_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "gzip-compressed",
}


def _control_bytes(sample: bytes) -> int:
    return len(sample.translate(None, _TEXT_BYTES))


def _check_is_text(path: Path, sample: bytes, encoding: str | None) -> None:
    """Raise `BadInput` for an empty file and for one that is no text, in this encoding if it was told."""
    if not sample:
        raise BadInput(f"{path}: the file is empty: it needs a header line and one line for each person")
    for start, what in _KNOWN_FORMATS.items():
        if sample.startswith(start):
            raise BadInput(f"{path}: this is {what}, not text: save it as CSV (UTF-8)")
    is_wide = encoding is not None and codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    if is_wide or sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    if _control_bytes(sample) > CONTROL_SHARE_MAX * len(sample):
        raise BadInput(f"{path}: not a text file: save it as CSV (UTF-8), or give --encoding if it is UTF-16")


@dataclass(frozen=True, slots=True)
class Header:
    cells: Sequence[str]
    delimiter: str
    lines: int
    """Physical lines that it takes, a `sep=` line included."""


_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t|]*\s*', re.IGNORECASE)


def find_header(lines: Sequence[str], holds_number: Callable[[Sequence[str]], bool]) -> Header:
    """The header in the first lines of a file, split by the delimiter that makes the most of it. Pure.

    A delimiter with which a column for the number is found goes before all others, then the one that gives
    more columns (delimiters inside quotes do not count), then the order of `DELIMITERS`. Excel's `sep=;`
    line decides it.
    """
    sep = _SEP_LINE.fullmatch(lines[0])
    if sep is not None and sep[1] not in '"\r\n\0' and len(lines) > 1:
        header = _split(lines[1:], sep[1])
        return Header(header.cells, header.delimiter, header.lines + 1)
    headers = [_split(lines, delimiter) for delimiter in DELIMITERS]
    return max(headers, key=lambda header: (holds_number(header.cells), len(header.cells)))


def _split(lines: Sequence[str], delimiter: str) -> Header:
    reader = csv.reader(lines, delimiter=delimiter)
    return Header(next(reader, []), delimiter, reader.line_num)
