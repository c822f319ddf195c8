"""People whom a list has twice: any row of theirs that says do-not-call holds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dialer.domain.calls import CallContent, CallJob
from dialer.domain.lifecycle import JobState
from dialer.engine.twice_listed import TwiceListed
from tests.support.campaigns import in_virtual_time, world
from tests.support.people import answering, job


def saying(given: CallJob, text: str) -> CallJob:
    return replace(given, content=CallContent(variables={"do_not_call": text}))


def rows(*texts: str) -> Sequence[CallJob]:
    """Rows of one person, by job ids of their own."""
    return [replace(saying(job(), text), key=f"row-{n}", job_id=f"row-{n}") for n, text in enumerate(texts)]


@pytest.mark.parametrize("texts", [("", "yes"), ("yes", ""), ("no", "", "1"), ("no", "maybe")])
@in_virtual_time
async def test_nobody_is_called_whose_other_row_says_no(texts: tuple[str, ...]) -> None:
    async with world() as w:
        p = await w.run([*rows(*texts), *answering(2)])
        jobs = (await p.counts()).jobs
        assert (jobs[JobState.SKIPPED], jobs[JobState.DONE], jobs[JobState.OPEN]) == (1, 2, 0)
        assert w.report.calls == 2


def test_a_later_batch_of_the_same_list_agrees() -> None:
    twice = TwiceListed()
    (first,), (second,) = twice.agreed(rows("yes")), twice.agreed(rows(""))
    assert first.content.variables == second.content.variables == {"do_not_call": "yes"}


def test_a_number_of_before_a_change_of_plan_is_the_same_person() -> None:
    old, new = [
        replace(each, to_number=to)
        for each, to in zip(rows("", "yes"), ("+551181234567", "+5511981234567"), strict=True)
    ]
    assert [each.content.variables["do_not_call"] for each in TwiceListed().agreed([old, new])] == [
        "yes",
        "yes",
    ]


def test_who_says_nothing_stays_as_he_is() -> None:
    given = rows("", "no")
    assert TwiceListed().agreed(given) is given
