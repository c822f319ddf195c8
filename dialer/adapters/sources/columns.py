"""Which column is what: the header of a lead list, read once per file."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dialer.domain.calls import JobKind
from dialer.domain.errors import BadInput
from dialer.domain.headers import (
    DO_NOT_CALL_NAMES,
    POSTAL_NAMES,
    STATE_NAMES,
    Looks,
    fold,
    looks_like,
)
from dialer.domain.phone import PhoneNumber, parse_number

KNOWN_COLUMNS = (
    "to_number",
    "from_number",
    "job_id",
    "kind",
    "timezone",
    "priority",
    "not_before",
    "expires_at",
    "override_agent_id",
    "override_agent_version",
    "agent_override",
)
"""Found whatever their case, spaces, hyphens, underscores and dots. Any other column is a variable."""
METADATA_PREFIX = "metadata."
SIP_HEADERS_PREFIX = "custom_sip_headers."

NUMBER_NAMES = (
    *("to_number", "to", "number", "phone", "phone_number", "phone_no", "phonenr", "telephone"),
    *("mobile_no", "cell_no", "contact_no", "Telefon-Nr."),
    *("telephone_number", "tel", "tel_no", "mobile", "mobile_number", "mobile_phone", "cell", "cell_phone"),
    *("cell_number", "contact_number", "contact_phone", "customer_phone", "msisdn"),
    *("Telefon", "Telefonnummer", "Rufnummer", "Handy", "Handynummer", "Mobil", "Mobilnummer"),
    *("Mobiltelefon", "téléphone", "numéro de téléphone", "mobile phone number", "teléfono"),
    *("número de teléfono", "celular", "móvil", "telefone", "telefono", "cellulare", "telefoon"),
)
"""The names under which the number to call is found; `to_number` goes before all others."""
SHOWN_COLUMNS_MAX = 20
SHOWN_CHARS_MAX = 40


_NUMBER_NAMES = frozenset(fold(name) for name in NUMBER_NAMES)
_KNOWN = {fold(name): name for name in KNOWN_COLUMNS}

Named = tuple[tuple[str, int], ...]
"""Names with the index of their column."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The plan by which every row is read."""

    names: tuple[str, ...]
    """The header's own spellings, trimmed; empty where a column has none."""
    known: Mapping[str, int]
    """Name of `KNOWN_COLUMNS` → index, for those the file has."""
    variables: Named = ()
    metadata: Named = ()
    sip_headers: Named = ()
    nameless: tuple[int, ...] = field(default=())
    """Columns without a name: a cell there belongs nowhere."""
    unclear: Mapping[str, Looks] = field(default_factory=dict)
    """Columns that seem to be about a rule for people and are not understood; they are variables."""

    def all_need_from_number(self, default_kind: JobKind) -> bool:
        """True if every row is a phone call and none can say from which number."""
        return default_kind is JobKind.PHONE_CALL and not self.known.keys() & {"from_number", "kind"}


def number_columns(cells: Sequence[str]) -> list[int]:
    """The columns that may hold the number to call: `to_number` alone if there is one."""
    folded = [fold(cell) for cell in cells]
    exact = [index for index, name in enumerate(folded) if name == "tonumber"]
    return exact or [index for index, name in enumerate(folded) if name in _NUMBER_NAMES]


def holds_number(cells: Sequence[str]) -> bool:
    """True if this header has a column for the number."""
    return bool(number_columns(cells))


def read_header(
    cells: Sequence[str], where: str, default_kind: JobKind, ignored: Collection[str] = ()
) -> Columns:
    """The plan for this header. `ignored`: folded names of the columns that are passed over.

    Raises `BadInput`, which begins with `where` (the file's name).
    """
    names = tuple(cell.strip().strip("\ufeff\u200b").strip() for cell in cells)
    kept = tuple("" if fold(name) in ignored else name for name in names)
    known = _known_columns(kept, where)
    if "to_number" not in known and not _may_do_without_number(known, default_kind):
        raise BadInput(_no_number_message(names, where))
    variables, metadata, sip_headers = [], [], []
    taken = set(known.values())
    for index, name in enumerate(kept):
        if index in taken or not name:
            continue
        if name.casefold().startswith(METADATA_PREFIX):
            metadata.append((_after_dot(name, where), index))
        elif name.casefold().startswith(SIP_HEADERS_PREFIX):
            sip_headers.append((_after_dot(name, where), index))
        else:
            variables.append((name, index))
    for group in (variables, metadata, sip_headers):
        _check_unique(group, where)
    return Columns(
        names=names,
        known=known,
        variables=tuple(variables),
        metadata=tuple(metadata),
        sip_headers=tuple(sip_headers),
        nameless=tuple(index for index, name in enumerate(names) if not name),
        unclear=_unclear([name for name, _ in variables], has_zone="timezone" in known, where=where),
    )


def _unclear(variables: Sequence[str], *, has_zone: bool, where: str) -> dict[str, Looks]:
    """Raises `BadInput` for a column that seems to say whom not to call."""
    has_place = has_zone or any(fold(name) in STATE_NAMES | POSTAL_NAMES for name in variables)
    unclear: dict[str, Looks] = {}
    for name in variables:
        looks = None if fold(name) in DO_NOT_CALL_NAMES else looks_like(name)
        if looks is Looks.DO_NOT_CALL:
            raise BadInput(
                f"{where}: the column {name!r} looks like do-not-call and is not understood. If a yes in it "
                "means that the person must not be called, rename it do_not_call; if not, give "
                f"--ignore-column {name!r}"
            )
        if looks is None or (looks is Looks.PLACE and has_place) or (looks is Looks.ZONE and has_zone):
            continue
        unclear[name] = looks
    return unclear


def _known_columns(names: Sequence[str], where: str) -> dict[str, int]:
    numbers = number_columns(names)
    if len(numbers) > 1:
        both = " and ".join(repr(names[index]) for index in numbers)
        raise BadInput(
            f"{where}: the columns {both} may each hold the number to call: rename the right one to_number "
            "(the others then become variables)"
        )
    known = {"to_number": numbers[0]} if numbers else {}
    for index, name in enumerate(names):
        column = _KNOWN.get(fold(name))
        if column is None or column == "to_number":
            continue
        if column in known:
            raise BadInput(
                f"{where}: the columns {names[known[column]]!r} and {name!r} both mean {column}: "
                "rename or remove one"
            )
        known[column] = index
    return known


def _may_do_without_number(known: Mapping[str, int], default_kind: JobKind) -> bool:
    """Web calls ring nobody, but need a job id."""
    return "job_id" in known and (default_kind is JobKind.WEB_CALL or "kind" in known)


def _no_number_message(names: Sequence[str], where: str) -> str:
    if any(isinstance(parse_number(name, "US"), PhoneNumber) for name in names):
        return (
            f"{where}: the first line holds a phone number, so the header is missing: "
            "put a line with the columns' names on top, for example to_number,first_name"
        )
    shown = ", ".join(repr(name[:SHOWN_CHARS_MAX]) for name in names[:SHOWN_COLUMNS_MAX] if name)
    return (
        f"{where}: no column holds the number to call. Columns found: {shown or 'none with a name'}. Rename "
        "the right one to_number (also understood: phone, phone_number, mobile, number, telephone, cell, "
        "contact_number, Telefon, Handy and the like)"
    )


def _after_dot(name: str, where: str) -> str:
    key = name.partition(".")[2].strip()
    if not key:
        raise BadInput(
            f"{where}: the column {name!r} has no name behind the dot: add one or remove the column"
        )
    return key


def _check_unique(group: Sequence[tuple[str, int]], where: str) -> None:
    for name, count in Counter(name for name, _ in group).items():
        if count > 1:
            raise BadInput(f"{where}: {count} columns are named {name!r}: rename or remove all but one")
