"""What the name of a column means, however it is spelt."""

import pytest

from dialer.domain.calls import CallContent, CallJob, CampaignId, JobId, OpenJob
from dialer.domain.headers import Looks, fold, looks_like, yes_or_no
from dialer.domain.hours import HoursRule
from dialer.domain.lifecycle import JobState
from dialer.domain.local_hours import Hours
from dialer.domain.screening import CampaignPolicy, Dial, Drop, Verdict, Wait
from dialer.domain.windows import parse_week

NOON_IN_NEW_YORK = 1_796_144_400.0
"""2026-12-01 17:00 UTC; 07:00 in Honolulu."""
DAYTIME = HoursRule((Hours("campaign", parse_week({"mon-fri": "09:00-18:00"})),))


def judge(variables: dict[str, str]) -> Verdict:
    job = CallJob(key="a", to_number="+12125550100", content=CallContent(variables=variables))
    open_job = OpenJob(JobId(1), CampaignId(1), job, NOON_IN_NEW_YORK, 0)
    return CampaignPolicy(("+12125550199",), hours=DAYTIME).judge(open_job, NOON_IN_NEW_YORK)


def test_a_name_is_the_same_whatever_its_case_and_signs() -> None:
    names = ("zip_code", "Zip Code", "ZIPCODE", "zipCode", "ZIP-Code", "zip.code", " Zip  Code: ")
    assert {fold(name) for name in names} == {"zipcode"}
    assert fold("Téléphone (privé)") == "telephoneprive"


@pytest.mark.parametrize(
    "header",
    ["zip", "Zip Code", "zipCode", "ZIP-Code", "Postal-Code", "postalCode", "Post Code", "postal.code"],
)
def test_the_post_code_decides_the_zone_however_its_column_is_spelt(header: str) -> None:
    assert isinstance(judge({}), Dial)
    assert isinstance(judge({header: "96813"}), Wait)


@pytest.mark.parametrize("header", ["state", "State", "STATE_CODE", "stateCode", "State/Province"])
def test_so_does_the_state(header: str) -> None:
    assert isinstance(judge({header: "HI"}), Wait)


@pytest.mark.parametrize(
    "header", ["do_not_call", "DNC", "Do Not Call", "DoNotCall", "do-not-call", "doNotContact"]
)
@pytest.mark.parametrize(
    ("cell", "may"), [("yes", False), ("X", False), ("1.0", False), ("No", True), ("0", True)]
)
def test_a_row_that_says_do_not_call_is_not_called(header: str, cell: str, may: bool) -> None:
    verdict = judge({header: cell})
    if may:
        assert isinstance(verdict, Dial)
    else:
        assert verdict == Drop(
            JobState.SKIPPED, f"its own row says so, in the column {header!r}", "do_not_call"
        )


def test_what_is_neither_yes_nor_no_is_a_no_to_calls() -> None:
    assert yes_or_no("2026-01-31") is None
    assert isinstance(judge({"dnc": "2026-01-31"}), Drop)


@pytest.mark.parametrize(
    ("name", "looks"),
    [
        ("DNC Date", Looks.DO_NOT_CALL),
        ("dncReason", Looks.DO_NOT_CALL),
        ("contact_opt_out", Looks.DO_NOT_CALL),
        ("HasOptedOutOfPhone", Looks.DO_NOT_CALL),
        ("Unsubscribed", Looks.DO_NOT_CALL),
        ("Email Opt Out", Looks.CONSENT),
        ("HasOptedOutOfEmail", Looks.CONSENT),
        ("TCPA consent", Looks.CONSENT),
        ("optIn", Looks.CONSENT),
        ("tz", Looks.ZONE),
        ("Lead Time Zone", Looks.ZONE),
        ("Mailing Zip", Looks.PLACE),
        ("lead_state", Looks.PLACE),
        ("PLZ", Looks.PLACE),
        ("estate_agent", None),
        ("first_name", None),
        ("Adopt outcome", None),
        ("statement", None),
        ("", None),
    ],
)
def test_what_a_name_looks_like(name: str, looks: Looks | None) -> None:
    assert looks_like(name) is looks
