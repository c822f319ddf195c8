"""What the name of a column means: one reader for every source and every rule that goes by a name."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

REMEMBERED_NAMES_MAX = 4096
"""Names repeat from row to row; so many different ones are kept."""


@lru_cache(REMEMBERED_NAMES_MAX)
def fold(name: str) -> str:
    """Letters and digits alone, without case and accents: `Zip-Code`, `zipCode`, `ZIP CODE.` are one name."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in plain if char.isalnum())


def _folded(*names: str) -> frozenset[str]:
    return frozenset(map(fold, names))


STATE_NAMES = _folded("state", "province", "state_code", "province_code", "us_state", "state/province")
POSTAL_NAMES = _folded(
    *("postal_code", "zip", "zip_code", "postcode", "postal", "zip5", "postal/zip", "zip/postal_code")
)
DO_NOT_CALL_NAMES = _folded(
    *("do_not_call", "dnc", "do_not_contact", "is_dnc", "dnc_flag", "dnc_status", "on_dnc", "do_not_phone"),
    *("do_not_call_flag", "has_opted_out_of_call", "no_call", "not_call", "dont_call", "call_opt_out"),
)


class Looks(StrEnum):
    """What a name that is not understood seems to be about, as people say it."""

    DO_NOT_CALL = "do-not-call"
    CONSENT = "consent"
    ZONE = "a time zone"
    PLACE = "a place"


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_SIGNS: Mapping[Looks, frozenset[str]] = {
    Looks.DO_NOT_CALL: _folded(
        *("dnc", "dncr", "do not call", "do not contact", "do not phone", "dont call", "dont contact"),
        *("not call", "no call", "no calls", "never call", "opt out", "opted out", "optout", "unsubscribe"),
        *("unsubscribed", "suppress", "suppressed", "suppression", "blacklist", "blacklisted", "blocklist"),
        *("robinson", "do not dial", "no contact", "nicht anrufen", "no llamar"),
        *("sperrvermerk", "kontaktsperre", "anrufsperre", "werbesperre", "gesperrt", "werbewiderspruch"),
        *("widerspruch", "keine anrufe", "verboten", "blocked", "lista robinson", "bloctel"),
    ),
    Looks.CONSENT: _folded(
        *("consent", "consented", "opt in", "opted in", "optin", "tcpa", "permission", "gdpr", "ewc", "pewc"),
        *("einwilligung", "consentimiento"),
    ),
    Looks.ZONE: _folded("tz", "time zone", "timezone", "utc offset", "gmt offset", "zeitzone", "tzid"),
    Looks.PLACE: _folded(
        *("zip", "zipcode", "postal", "postcode", "post code", "plz", "postleitzahl", "state", "province"),
        *("bundesland", "provincia", "estado", "codigo postal", "code postal", "city", "county", "country"),
    ),
}
_OTHER_WAYS = frozenset({"email", "emails", "mail", "mailing", "sms", "text", "texts", "fax", "newsletter"})
_CALL_WORDS = frozenset({"call", "calls", "phone", "tel", "telephone", "dial", "dnc"})


def looks_like(name: str) -> Looks | None:
    """What a name that is not understood seems to be about: a sign for it stands among its words."""
    words = [fold(word) for word in _WORDS.findall(name)]
    spans = {"".join(words[at:end]) for at in range(len(words)) for end in range(at + 1, len(words) + 1)}
    found = next((looks for looks, signs in _SIGNS.items() if spans & signs), None)
    if found is Looks.DO_NOT_CALL and _OTHER_WAYS & {*words} and not _CALL_WORDS & {*words}:
        return Looks.CONSENT  # it is about letters and messages
    return found


_YES = frozenset({"1", "1.0", "y", "yes", "true", "t", "x", "on", "ja", "j", "oui", "si", "sí", "sim", "s"})
_YES |= {"dnc", "do not call", "opted out", "opt out", "checked", "✓", "✔"}
_NO = frozenset({"", "0", "0.0", "n", "no", "false", "f", "off", "nein", "non", "não", "unchecked", "-"})
_NO |= {"null", "none", "nan", "\\n", "n/a", "#n/a", "ok to call", "callable"}


def yes_or_no(cell: str) -> bool | None:
    """What a cell of a yes-or-no column says; None: neither."""
    text = cell.strip().casefold()
    return True if text in _YES else False if text in _NO else None


def says_do_not_call(cells: Mapping[str, str]) -> str | None:
    """The column of a row that says that the person must not be called; None: none does."""
    for name in do_not_call_names(frozenset(cells)):
        if yes_or_no(cells[name]) is not False:
            return name
    return None


@lru_cache(REMEMBERED_NAMES_MAX)
def do_not_call_names(names: frozenset[str]) -> tuple[str, ...]:
    """Those that say whether a person may be called."""
    return tuple(sorted(name for name in names if fold(name) in DO_NOT_CALL_NAMES))
