"""The balance of a campaign: what went in, what became of it, and whether that adds up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.domain.lifecycle import JobState


@dataclass(frozen=True, slots=True)
class ReadInPart:
    """A list whose last reading did not come to its end."""

    source: str
    rows: int
    """Rows of it that were read."""
    unread: int | None
    """Rows that were not; None: it is being read, or its run ended before anybody counted them."""

    def __str__(self) -> str:
        if self.unread is None:
            return (
                f"{self.source}: {self.rows:,} rows read, and not its end: unless it is being read now, "
                "run the same command again"
            )
        return f"{self.source}: {self.unread:,} rows not read yet: run the same command again"


@dataclass(frozen=True, slots=True)
class Balance:
    """Numbers counted independently of each other; `problems` says where they disagree."""

    campaign: str
    rows: int
    """Rows read in all readings of all sources."""
    new: int
    """Rows that became a job."""
    met_again: int
    """Rows of jobs that were known from an earlier reading."""
    rejected: int
    jobs: Mapping[JobState, int]
    closed_attempts: int
    reopened_attempts: int
    """Attempts that were closed without a call, and followed when a call was shown after all."""
    attempt_lines: int
    final_jobs: int
    job_lines: int
    busy_attempts: int
    unknown_attempts: int
    last_seq: int
    lines: int
    highest_seq: int
    in_part: Sequence[ReadInPart] = ()
    """Lists of which rows are missing here: `rows` are not all that there are."""

    @property
    def open_jobs(self) -> int:
        """Jobs that are not final: due, waiting or being called."""
        return self.jobs.get(JobState.OPEN, 0) + self.jobs.get(JobState.BUSY, 0)

    def problems(self) -> list[str]:
        """Each equation that does not hold, in plain words; empty when the balance closes."""
        equations = (
            (
                "rows read = new jobs + met again + rejected",
                self.rows,
                self.new + self.met_again + self.rejected,
            ),
            (
                "new jobs = done + failed + skipped + expired + cancelled + unknown + open",
                self.new,
                sum(self.jobs.values()),
            ),
            ("busy jobs = attempts under way", self.jobs.get(JobState.BUSY, 0), self.busy_attempts),
            ("unknown jobs = unknown attempts", self.jobs.get(JobState.UNKNOWN, 0), self.unknown_attempts),
            (
                "closed attempts + reopened = their result lines",
                self.closed_attempts + self.reopened_attempts,
                self.attempt_lines,
            ),
            ("final jobs = their lines in the results", self.final_jobs, self.job_lines),
            ("last sequence number = lines in the results", self.last_seq, self.lines),
            ("last sequence number = highest one", self.last_seq, self.highest_seq),
        )
        return [f"{what}: {left} is not {right}" for what, left, right in equations if left != right]
