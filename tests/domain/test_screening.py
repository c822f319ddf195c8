"""May this job be dialled now, and from which number?"""

from typing import Any

import pytest

from dialer.domain.calls import CallJob, CampaignId, JobId, JobKind, OpenJob
from dialer.domain.lifecycle import JobState
from dialer.domain.lines import LineReason
from dialer.domain.screening import CampaignPolicy, Dial, Drop, Wait

NOW = 1_800_000_000.0
LINES = ("+12125550190", "+12125550191", "+12125550192")
FIRST = Dial(LINES[0], why=LineReason.SAME_AREA)


def an_open_job(number: int = 1, **given: Any) -> OpenJob:
    job = CallJob(key="a", to_number="+12125550100", **given)
    return OpenJob(JobId(number), CampaignId(1), job, NOW, 0)


@pytest.mark.parametrize(("left_s", "dropped"), [(-1.0, True), (0.0, True), (0.001, False)])
def test_an_expired_job_is_dropped(left_s: float, dropped: bool) -> None:
    verdict = CampaignPolicy(LINES).judge(an_open_job(expires_at=NOW + left_s), NOW)
    assert verdict == (Drop(JobState.EXPIRED, "expires_at has passed", "expires_at") if dropped else FIRST)


@pytest.mark.parametrize(("early_s", "waits"), [(1.0, True), (0.001, True), (0.0, False), (-1.0, False)])
def test_a_job_waits_for_its_time(early_s: float, waits: bool) -> None:
    verdict = CampaignPolicy(LINES).judge(an_open_job(not_before=NOW + early_s), NOW)
    assert verdict == (Wait(NOW + early_s, "not_before") if waits else FIRST)


def test_what_expires_before_its_time_is_dropped_not_kept_waiting() -> None:
    verdict = CampaignPolicy(LINES).judge(an_open_job(not_before=NOW + 60, expires_at=NOW), NOW)
    assert isinstance(verdict, Drop)


def test_the_rows_own_number_goes_first() -> None:
    own = an_open_job(from_number="+12125550199")
    assert CampaignPolicy(LINES).judge(own, NOW) == Dial("+12125550199", why=LineReason.OWN)
    assert CampaignPolicy(()).judge(own, NOW) == Dial("+12125550199", why=LineReason.OWN)


def test_a_phone_call_without_any_number_to_call_from_is_skipped() -> None:
    verdict = CampaignPolicy(()).judge(an_open_job(), NOW)
    assert isinstance(verdict, Drop)
    assert verdict.state is JobState.SKIPPED
    assert "from_numbers" in verdict.reason


@pytest.mark.parametrize("kind", [JobKind.WEB_CALL, JobKind.REGISTER_PHONE_CALL])
def test_kinds_that_ring_nobody_need_no_number_to_call_from(kind: JobKind) -> None:
    assert CampaignPolicy(()).judge(an_open_job(kind=kind), NOW) == Dial(None)


def test_a_web_call_takes_no_line() -> None:
    for own in (None, "+12125550199"):
        assert CampaignPolicy(LINES).judge(an_open_job(kind=JobKind.WEB_CALL, from_number=own), NOW) == Dial(
            None
        )
    registered = CampaignPolicy(LINES).judge(an_open_job(kind=JobKind.REGISTER_PHONE_CALL), NOW)
    assert registered == FIRST
