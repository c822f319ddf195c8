"""Leads of all states, drawn from a seed: where they say they are, how they answer, who may not be called."""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

from dialer.domain.phone import PhoneNumber, parse_number
from dialer.simulator.people import Behaviour
from tests.week import places
from tests.week.plan import DAY_S, LINES

_TOLL_FREE: Final = ("800", "833", "844", "855", "866", "877", "888")
_NOWHERE_SHARE = 0.02
"""Toll-free numbers: nobody knows where they are unless the row says it."""
_SUPPRESSED_SHARE = 0.03
_LATER_SHARE = 0.04
"""Suppressed in the middle of the week."""
_EARLIER_SHARE = 0.05
"""Called by an earlier campaign too."""

_PEOPLE: Final = {
    Behaviour.ANSWERS: 44,
    Behaviour.AGENT_HANGS_UP: 12,
    Behaviour.VOICEMAIL: 8,
    Behaviour.NO_ANSWER: 9,
    Behaviour.NO_ANSWER_TWICE: 4,
    Behaviour.BUSY: 3,
    Behaviour.BUSY_FIRST: 4,
    Behaviour.DECLINES: 4,
    Behaviour.WANTS_NO_CALLS: 4,
    Behaviour.WANTS_CALLBACK: 2,
    Behaviour.DIAL_FAILS: 1,
    Behaviour.RETELL_BREAKS: 1,
    Behaviour.INVALID: 1,
}


@dataclass(frozen=True, slots=True)
class Lead:
    """One row, and what the world knows of the person."""

    number: str
    timezone: str | None
    state: str | None
    """As two letters, whatever the column says."""
    state_column: str | None
    postal_code: str | None
    behaviour: Behaviour
    suppressed_at: float | None
    """Seconds since the week's start: somebody puts the number on the list. Negative: before it."""
    earlier: bool
    """An earlier campaign has it too."""

    @property
    def postal_state(self) -> str | None:
        """Where its postal code is."""
        return None if self.postal_code is None else places.state_of_postal_code(self.postal_code)


def draw(many: int, seed: int) -> list[Lead]:
    """So many leads, sixty or more, of each state and DC at least some."""
    dice = Random(f"week/{seed}")
    by_state = {state: list(numbers) for state, numbers in _numbers().items()}
    for numbers in by_state.values():
        dice.shuffle(numbers)
    nowhere = round(many * _NOWHERE_SHARE)
    picked = dice.sample([f"+1{code}55501{n:02}" for code in _TOLL_FREE for n in range(100)], nowhere)
    of_each = max(1, many // (4 * len(by_state)))
    for numbers in by_state.values():
        picked += numbers[:of_each]
    rest = [number for numbers in by_state.values() for number in numbers[of_each:]]
    picked += dice.sample(rest, many - len(picked))
    dice.shuffle(picked)
    return [_lead(number, dice) for number in picked]


@cache
def _numbers() -> dict[str, list[str]]:
    """Every number of fiction of each state that a row may have."""
    found: dict[str, list[str]] = {state: [] for state in places.STATES}
    own = {line.number for line in LINES}
    for code, state in places.area_codes().items():
        if isinstance(parse_number(f"+1{code}5550100", None), PhoneNumber):
            found[state] += [number for n in range(100) if (number := f"+1{code}55501{n:02}") not in own]
    return found


def _lead(number: str, dice: Random) -> Lead:
    home = places.area_codes().get(number[2:5])
    moved = dice.random() < 0.1
    state = dice.choice(places.STATES) if moved or home is None else home
    says = dice.choices(("nothing", "zone", "state", "name", "postal", "both"), (46, 14, 14, 6, 14, 6))[0]
    if home is None and dice.random() < 0.5:
        says = "nothing"
    behaviour = dice.choices(list(_PEOPLE), list(_PEOPLE.values()))[0]
    suppressed_at = None
    drawn = dice.random()
    if drawn < _SUPPRESSED_SHARE:
        suppressed_at = -1.0
    elif drawn < _SUPPRESSED_SHARE + _LATER_SHARE:
        suppressed_at = dice.uniform(0.0, 6.5 * DAY_S)
    zone = dice.choice(sorted(places.zones_of_state(state))) if says in ("zone", "both") else None
    return Lead(
        number,
        timezone=zone,
        state=state if says in ("state", "name", "both") else None,
        state_column={"state": state, "both": state.lower(), "name": places.name_of_state(state)}.get(says),
        postal_code=places.capital_postal_code(state) if says == "postal" else None,
        behaviour=behaviour,
        suppressed_at=suppressed_at,
        earlier=dice.random() < _EARLIER_SHARE,
    )
