"""What may be a name, and what a text from outside looks like on a terminal."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.texts import (
    CAMPAIGN_PATTERN,
    JOB_ID_CHARS_MAX,
    JOB_ID_PATTERN,
    campaign_fault,
    job_id_fault,
    printable,
    printable_lines,
)

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
NASTY = st.text(
    st.sampled_from("ab./\\ \n\x00\x1b\x9b\x7f\u2028\ud800あ😀" + BIDI) | st.characters(), max_size=110
)


@pytest.mark.parametrize(
    "name", ["spring", "Frühling 2026", "春" * 80, "a" * 100, "v1.2", "a.b.c", "😀" * 60]
)
def test_a_name_that_a_campaign_can_have(name: str) -> None:
    assert campaign_fault(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("春" * 84, "240 bytes"),
        ("a" * 101, "100 characters"),
        (".", "no dot in front"),
        ("..", "no dot in front"),
        ("a..b", "two dots"),
        ("../x", "no /"),
        ("a/b", "no /"),
        ("a\\b", "no /"),
        ("a\nb", "control character"),
        ("a\x1b[2Jb", "control character"),
        ("a\x9b2Jb", "control character"),
        ("a\u2028b", "control character"),
        *((f"a{mark}b", "direction of text") for mark in BIDI),
        ("a\ud800", "half of a character"),
    ],
)
def test_a_name_that_no_campaign_can_have(name: str, why: str) -> None:
    assert why in (campaign_fault(name) or "")


@given(NASTY)
def test_a_campaigns_files_are_in_its_folder_and_can_be_made(name: str) -> None:
    if campaign_fault(name) is None:
        for ending in (".jsonl", ".rejects.csv"):
            path = Path("/folder") / f"{name}{ending}"
            assert path.parent == Path("/folder")
            assert path == Path("/folder", path.name)
            assert len(path.name.encode()) <= 255
        assert printable(name) == name


@given(NASTY)
def test_what_the_schema_allows_is_allowed(name: str) -> None:
    name = name.removesuffix("\n")  # where Python's `$` matches, too; messages are read without it
    if re.search(CAMPAIGN_PATTERN, name) and not re.search("[\ud800-\udfff]", name):
        assert campaign_fault(name) is None
    if re.search(JOB_ID_PATTERN, name) and not re.search("[\ud800-\udfff]", name):
        assert job_id_fault(name) is None


@pytest.mark.parametrize("job_id", ["a\x1b[1mb", "a\nb", "a\u202eb", "a\x7f", "x" * (JOB_ID_CHARS_MAX + 1)])
def test_a_job_id_that_no_job_can_have(job_id: str) -> None:
    assert job_id_fault(job_id) is not None


@given(NASTY)
def test_what_is_printed_is_one_line_without_orders_to_the_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or not re.search(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{BIDI}]", shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_lines_stay_lines() -> None:
    assert printable_lines("a\nb\x1b[31m\u202e\r") == "a\nb\\x1b[31m\\u202e\\x0d"
    assert printable("a\nb") == "a\\x0ab"
