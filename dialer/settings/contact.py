"""The tables of a campaign's rules for the people on its list: when each may be called, how often, and again.

The calling hours of the US federal law and of its states hold unless they are taken off by name.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from dialer.domain.caps import CapsRule, parse_cap, parse_duration
from dialer.domain.delays import parse_delays
from dialer.domain.hours import RING_S
from dialer.domain.local_hours import Hours
from dialer.domain.outcomes import Outcome
from dialer.domain.redial import DEFAULT_DELAYS, RedialPolicy, give_up_state, redial_key
from dialer.domain.windows import parse_week
from dialer.settings.sections import Section, as_text

ALWAYS = "always"
"""The name of no calling hours at all."""
_ANY_HOUR = 'rules.hours is "always": no law\'s calling hours are kept, and people may be called at any hour'
ANY_TIME = parse_week({"mon-sun": "00:00-24:00"})


class Rules(Section):
    """When people may be called, and how often. `always` takes the law's hours off, and is said each time."""

    hours: Annotated[str, Field(min_length=1)] = "us"
    """The law's calling hours: us, the path of a rules file of your own, or always for none at all."""
    windows: Annotated[dict[str, str], Field(examples=[{"mon-fri": "09:00-18:00"}])] = Field(
        default_factory=dict
    )
    """The campaign's own hours, on top of the law's: local time where the person is; no table: any."""
    dates_off: tuple[str, ...] = ()
    """Dates on which nobody is called, as 2026-12-24; by the calendar where the person is."""
    holidays: Literal["open", "closed"] = "open"
    """closed: nobody is called on a public holiday of the country and state where the person is."""
    ring_s: Annotated[int, Field(ge=0, le=600)] = RING_S
    """Seconds that a call may ring; none is started so shortly before the hours end."""
    caps: Annotated[tuple[str, ...], Field(examples=[("3 per 7d", "1 per 4h")])] = ()
    """How often a number may be called in any such time, over all campaigns of the ledger."""
    gap: Annotated[str | None, Field(examples=["30m"])] = None
    """The least time between two attempts to a number, as 90s, 30m, 4h or 2d; unset: none."""
    do_not_call: Annotated[tuple[str, ...], Field(examples=[("do-not-call.txt",)])] = ()
    """Files of numbers that nobody calls; read again when they change. While one is unreadable: no calls."""

    @field_validator("windows")
    @classmethod
    def _are_windows(cls, windows: dict[str, str]) -> dict[str, str]:
        week = parse_week(windows)
        if windows and not any(week):
            raise ValueError("leaves no time at all to call: name a day with hours, or leave the table out")
        return windows

    @field_validator("dates_off", mode="before")
    @classmethod
    def _as_text(cls, days: object) -> object:
        return tuple(as_text(day) for day in days) if isinstance(days, list | tuple) else days

    @field_validator("dates_off")
    @classmethod
    def _are_dates(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        for day in days:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise ValueError(f"has {day!r}, which is no date: write it like 2026-12-24") from None
        return days

    @field_validator("caps")
    @classmethod
    def _are_caps(cls, caps: tuple[str, ...]) -> tuple[str, ...]:
        for cap in caps:
            _try(parse_cap, cap)
        return caps

    @field_validator("gap")
    @classmethod
    def _is_duration(cls, gap: str | None) -> str | None:
        if gap is not None:
            _try(parse_duration, gap)
        return gap

    @field_validator("do_not_call")
    @classmethod
    def _are_named(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        if not all(path.strip() for path in paths):
            raise ValueError("has an empty path: name the file, or take it out")
        return paths


class Redial(Section):
    """Whether and when a person is called again."""

    attempts_max: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts that count, for one job, the first included."""
    delays: Annotated[
        dict[str, str], Field(examples=[{"busy": "5m, 30m", "no_answer": "4h, next day 10:00 local"}])
    ] = Field(default_factory=dict)
    """The wait before each redial, by outcome or disconnection_reason; never: none. Others as usual."""
    counts: Annotated[dict[str, int], Field(examples=[{"busy": 5}])] = Field(default_factory=dict)
    """Redials of a row of `delays`, where they are more than its waits: the last one is used again."""
    give_up_as: Annotated[dict[str, str], Field(examples=[{"voicemail": "done"}])] = Field(
        default_factory=dict
    )
    """What a job becomes when its redials are used up, by the same names; unset: failed."""
    spread: bool = False
    """Move redials to parts of the day in which nobody has tried yet."""
    analysis_wait_s: Annotated[float, Field(ge=0, le=300)] = 5.0
    """Seconds that the end of a call with a person waits for its analysis, which may tell of a mailbox."""

    @field_validator("delays")
    @classmethod
    def _are_delays(cls, delays: dict[str, str]) -> dict[str, str]:
        _refuse_same(delays)
        for name, text in delays.items():
            _try(parse_delays, text, f"{name} = ")
        return delays

    @field_validator("give_up_as")
    @classmethod
    def _are_ends(cls, states: dict[str, str]) -> dict[str, str]:
        _refuse_same(states)
        for name, state in states.items():
            _try(give_up_state, state, f"{name} = ")
        return states

    @model_validator(mode="after")
    def _has_its_rows(self) -> Self:
        rows = {redial_key(name): text for name, text in self.delays.items()}
        _refuse_same(self.counts)
        for name, count in self.counts.items():
            text = rows.get(redial_key(name))
            if text is None:
                raise ValueError(f"has a count for {name}, but no row of it in delays: add its waits there")
            _try(partial(parse_delays, count=count), text, f"counts.{name}: ")
        for name in self.give_up_as:
            if redial_key(name) not in {*rows, *Outcome}:
                raise ValueError(
                    f"has {name} in give_up_as, but no row of it in delays: add one, or name the outcome"
                )
        return self


class Variables(Section):
    """The variables that the agent needs; a row without one is refused before anybody is called."""

    needed: Annotated[tuple[str, ...], Field(examples=[("first_name",)])] = ()
    """Columns that no row may leave empty, spelt as in the header."""
    defaults: Annotated[dict[str, str], Field(examples=[{"company": "Acme"}])] = Field(default_factory=dict)
    """What a variable is where a row leaves it empty."""
    empty_words: tuple[str, ...] = (
        *("null", "<null>", "(null)", "nan", "none", "nil", "\\N", "undefined"),
        *("n/a", "#n/a", "#value!", "#ref!", "#name?", "#div/0!", "-"),
    )
    """What databases, pandas and Excel write for nothing, in any case: empty in a variable that is needed."""

    @property
    def by_name(self) -> Mapping[str, str | None]:
        """Each needed variable with its default, None where it has none."""
        return {**dict.fromkeys(self.needed), **self.defaults}


def _try(parse: Callable[[str], object], text: str, name: str = "") -> None:
    """Raises `ValueError` unless it can be parsed, in words that follow the setting's name."""
    try:
        parse(text)
    except ValueError as error:
        raise ValueError(f"is wrong: {name}{error}") from None


def _refuse_same(table: Mapping[str, Any]) -> None:
    """Raises `ValueError` for a name that is no row, and for two that are one."""
    seen: dict[str, str] = {}
    for name in table:
        _try(redial_key, name)
        key = redial_key(name)
        if key in seen:
            raise ValueError(f"has {seen[key]!r} and {name!r}, which are the same: keep one of them")
        seen[key] = name


def own_hours(rules: Rules) -> Hours | None:
    """The campaign's own windows and days off; None: it has none."""
    if not rules.windows and not rules.dates_off and rules.holidays == "open":
        return None
    return Hours(
        "the campaign's own hours",
        parse_week(rules.windows) if rules.windows else ANY_TIME,
        dates_off=frozenset(map(date.fromisoformat, rules.dates_off)),
        on_holidays=rules.holidays == "open",
    )


def caps_rule(rules: Rules) -> CapsRule:
    """How often a number may be rung."""
    gap_s = 0.0 if rules.gap is None else parse_duration(rules.gap)
    return CapsRule(tuple(map(parse_cap, rules.caps)), gap_s)


def redial_policy(redial: Redial, put_back_s: float, ends_at: float | None) -> RedialPolicy:
    """The usual delays, with the campaign's own rows instead of theirs."""
    counts = {redial_key(name): count for name, count in redial.counts.items()}
    own = {
        key: parse_delays(text, counts.get(key))
        for key, text in ((redial_key(name), text) for name, text in redial.delays.items())
    }
    return RedialPolicy(
        redial.attempts_max,
        put_back_s,
        delays={**DEFAULT_DELAYS, **own},
        give_up_as={redial_key(name): give_up_state(state) for name, state in redial.give_up_as.items()},
        spread=redial.spread,
        ends_at=ends_at,
        analysis_wait_s=redial.analysis_wait_s,
    )


def hours_notice(rules: Rules) -> str | None:
    """What is to be said each time where the law's calling hours were taken off."""
    return _ANY_HOUR if rules.hours == ALWAYS else None
