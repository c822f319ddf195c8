"""May this job be dialled now, and from which number? Asked inside the claim's transaction."""

from dataclasses import dataclass

from dialer.domain.calls import JobKind, OpenJob
from dialer.domain.lifecycle import JobState


@dataclass(frozen=True, slots=True)
class Dial:
    """Yes: from this number (None for kinds that ring nobody)."""

    from_number: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now; ask again at `until`. Spends no attempt."""

    until: float
    rule: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Never: the job is closed with this state."""

    state: JobState
    reason: str


Verdict = Dial | Wait | Drop


@dataclass(frozen=True, slots=True)
class Screen:
    """A campaign's rules, fixed for one claim. Pure: the same job and clock give the same verdict."""

    from_numbers: tuple[str, ...]
    """The campaign's lines; a row's own from-number goes before them."""

    def judge(self, open_job: OpenJob, now: float) -> Verdict:
        """The verdict for one job at `now` (Unix seconds)."""
        job = open_job.job
        if job.expires_at is not None and now >= job.expires_at:
            return Drop(JobState.EXPIRED, "expires_at has passed")
        if job.not_before is not None and now < job.not_before:
            return Wait(job.not_before, "not_before")
        if job.from_number is not None:
            return Dial(job.from_number)
        if self.from_numbers:
            return Dial(self.from_numbers[open_job.id % len(self.from_numbers)])
        if job.kind is JobKind.PHONE_CALL:
            return Drop(JobState.SKIPPED, "no from-number: neither the row nor `from_numbers` has one")
        return Dial(None)
