"""How the jobs of an operator are to be understood, from whatever source they come."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dialer.adapters.sources.cells import known_zones
from dialer.domain.calls import CallContent, CallJob, JobKind
from dialer.domain.errors import BadInput
from dialer.domain.phone import is_region

Check = Callable[[JobKind, CallContent], Sequence[str]]
"""The API adapter's problems with a row's content, each a sentence for people; none if it is fine."""


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What holds for every job of a source. Raises `BadInput` for what does not exist."""

    region: str | None = None
    """Country (two letters) of the numbers without +; None: such a row is refused."""
    area_codes: frozenset[str] = frozenset()
    """Area codes of +1 that the phonenumbers package lacks and the operator lets in."""
    default_kind: JobKind = JobKind.PHONE_CALL
    """For rows that name none."""
    default_timezone: str = "UTC"
    """IANA zone of the times without an offset in rows without a zone."""
    needs_from_number: bool = False
    """No line is configured: each phone call's row has to bring its own from-number."""
    check: Check | None = None
    """Asked for each row's content; each problem it finds refuses the row as `bad_content`."""
    needed: Mapping[str, str | None] = field(default_factory=dict)
    """The variables that the agent needs, each with its default; None: a row without it is refused."""
    place_of: Callable[[CallJob], object] | None = None
    """Asked for each job; if it raises `ValueError` the row is refused as `bad_place`, in its words."""

    empty_words: frozenset[str] = frozenset()
    """What stands for nothing in a needed variable, in lower case."""
    ignored: frozenset[str] = frozenset()
    """Folded names of columns and variables that are passed over."""

    def __post_init__(self) -> None:
        if self.region is not None and not is_region(self.region):
            raise BadInput(
                f"`intake.region` is {self.region!r}, which is no country: use two capitals, for example US"
            )
        if self.default_timezone not in known_zones():
            raise BadInput(
                f"`intake.timezone` is {self.default_timezone!r}, which is no IANA zone: "
                "use for example America/New_York"
            )


@dataclass(frozen=True, slots=True)
class CsvOptions(JobOptions):
    """How the files of an operator are to be understood."""

    encoding: str | None = None
    """None: detect."""
