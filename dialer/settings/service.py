"""The table of a service that works for months, alone or as one of several workers."""

from typing import Annotated

from pydantic import Field, field_validator

from dialer.domain.texts import campaign_fault
from dialer.settings.sections import Section


class Service(Section):
    """`dialer serve`: one of any number of workers on one PostgreSQL ledger, or the only one on a file."""

    worker: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", examples=["dialer-0"])
    ] = None
    """Name of this worker, to which each start adds a part of its own; unset: the machine's name."""
    campaign: str = "default"
    """The campaign of jobs that name none."""
    lease_s: Annotated[float, Field(ge=2, le=600)] = 10.0
    """Seconds without a sign of life after which the other workers take over what a worker left open."""
    guard_s: Annotated[float, Field(ge=0.01, le=1)] = 0.1
    """Seconds added to each sliding second in which all workers' calls count, for the way to the API."""
    open_jobs_max: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    """Open jobs in the ledger above which no more are taken in, until some are done."""
    campaigns_max: Annotated[int, Field(ge=1, le=100_000)] = 2000
    """Campaigns with due jobs at once; HTTP takes no job of a further one, and a worker lets it wait."""

    @field_validator("campaign")
    @classmethod
    def _is_a_name(cls, campaign: str) -> str:
        fault = campaign_fault(campaign)
        if fault is not None:
            raise ValueError(fault)
        return campaign
