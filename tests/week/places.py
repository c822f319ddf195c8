"""Where numbers, states and postal codes are: the checker's own account of it, not the dialer's.

Area codes: the states that the geocoding data of the phonenumbers package gives them, read raw. Zones: typed
from what the states' laws and 49 CFR 71 say; of a state or an area code with two zones, both. Postal codes:
one of each capital. Area codes that the rules file puts right are taken from there too.
"""

from functools import cache
from typing import Final

from phonenumbers.geodata import GEOCODE_DATA

EASTERN, CENTRAL, MOUNTAIN, PACIFIC = (
    f"America/{city}" for city in ("New_York", "Chicago", "Denver", "Los_Angeles")
)
PHOENIX, ANCHORAGE, ADAK = "America/Phoenix", "America/Anchorage", "America/Adak"
_STATES: Final = """
AL Alabama 36104 C| AK Alaska 99801 AD| AZ Arizona 85007 HM| AR Arkansas 72201 C| CA California 95814 P
CO Colorado 80203 M| CT Connecticut 06106 E| DC Washington D.C. 20001 E| DE Delaware 19901 E
FL Florida 32301 EC| GA Georgia 30334 E| HI Hawaii 96813 O| ID Idaho 83702 MP| IL Illinois 62701 C
IN Indiana 46204 EC| IA Iowa 50319 C| KS Kansas 66612 CM| KY Kentucky 40601 EC| LA Louisiana 70802 C
ME Maine 04330 E| MD Maryland 21401 E| MA Massachusetts 02133 E| MI Michigan 48933 EC| MN Minnesota 55155 C
MS Mississippi 39201 C| MO Missouri 65101 C| MT Montana 59601 M| NE Nebraska 68502 CM| NV Nevada 89701 PM
NH New Hampshire 03301 E| NJ New Jersey 08608 E| NM New Mexico 87501 M| NY New York 12207 E
NC North Carolina 27601 E| ND North Dakota 58501 CM| OH Ohio 43215 E| OK Oklahoma 73102 C| OR Oregon 97301 PM
PA Pennsylvania 17101 E| RI Rhode Island 02903 E| SC South Carolina 29217 E| SD South Dakota 57501 CM
TN Tennessee 37219 EC| TX Texas 78701 CM| UT Utah 84111 M| VT Vermont 05602 E| VA Virginia 23219 E
WA Washington State 98507 P| WV West Virginia 25301 E| WI Wisconsin 53703 C| WY Wyoming 82001 M
"""
_ZONES_OF_LETTER: Final = {
    "E": EASTERN,
    "C": CENTRAL,
    "M": MOUNTAIN,
    "P": PACIFIC,
    "H": PHOENIX,
    "O": "Pacific/Honolulu",
    "A": ANCHORAGE,
    "D": ADAK,
}

_SPLIT_STATES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "AZ": {"928": (PHOENIX, MOUNTAIN), "": (PHOENIX,)},
    "FL": {"850": (EASTERN, CENTRAL), "448": (EASTERN, CENTRAL), "": (EASTERN,)},
    "ID": {"": (MOUNTAIN, PACIFIC)},
    "IN": {
        **dict.fromkeys(("219", "574", "812", "930"), (EASTERN, CENTRAL)),
        **dict.fromkeys(("260", "317", "463", "765"), (EASTERN,)),
    },
    "KS": {"316": (CENTRAL,), "913": (CENTRAL,), "": (CENTRAL, MOUNTAIN)},
    "KY": {"502": (EASTERN,), "859": (EASTERN,), "": (EASTERN, CENTRAL)},
    "MI": {"906": (EASTERN, CENTRAL), "": (EASTERN,)},
    "NE": {"": (CENTRAL, MOUNTAIN)},
    "NV": {"702": (PACIFIC,), "725": (PACIFIC,), "775": (PACIFIC, MOUNTAIN)},
    "OR": {"503": (PACIFIC,), "971": (PACIFIC,), "": (PACIFIC, MOUNTAIN)},
    "TN": {"865": (EASTERN,), "423": (EASTERN, CENTRAL), "": (CENTRAL,)},
    "TX": {"915": (MOUNTAIN,), "": (CENTRAL,)},
}
"""By area code, in states with two zones; empty: the other codes of the state. Not named: the state's."""


def _table() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    found = {}
    for row in _STATES.strip().replace("\n", "|").split("|"):
        code, *name, postal, letters = row.split()
        found[code] = " ".join(name), postal, tuple(_ZONES_OF_LETTER[letter] for letter in letters)
    return found


_TABLE: Final = _table()
STATES: Final = tuple(sorted(_TABLE))
"""The fifty, and DC."""


def zones_of_state(state: str) -> frozenset[str]:
    """Every zone that is kept somewhere in it."""
    return frozenset(_TABLE[state][2])


def capital_postal_code(state: str) -> str:
    return _TABLE[state][1]


def name_of_state(state: str) -> str:
    """In full, without what tells Washington from Washington."""
    return {"WA": "Washington", "DC": "District of Columbia"}.get(state, _TABLE[state][0])


@cache
def state_of_postal_code(postal: str) -> str:
    return next(state for state, (_, code, _) in _TABLE.items() if code == postal)


@cache
def area_codes() -> dict[str, str]:
    """The state of each area code of the fifty and DC."""
    by_name = {name: state for state, (name, _, _) in _TABLE.items()}
    found = {}
    for prefix, names in GEOCODE_DATA.items():
        if len(prefix) == 4 and prefix.startswith("1"):
            name = names.get("en", "")
            state = by_name.get(name) or name.rpartition(", ")[2]
            if state in _TABLE:
                found[prefix[1:]] = state
    return found


def zones_of_area_code(code: str) -> frozenset[str]:
    """Every zone that a number with this area code may be in."""
    state = area_codes()[code]
    of_codes = _SPLIT_STATES.get(state, {})
    return frozenset(of_codes.get(code) or of_codes.get("") or zones_of_state(state))
