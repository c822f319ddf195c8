"""The one table from HTTP to the four errors of `domain.errors`. Nothing above it knows a status code.

    what happened                                 create                        any other request
    ────────────────────────────────────────────  ────────────────────────────  ─────────────────────────────
    trouble before the body was handed over       CallNotStarted (connection)   CallNotStarted (connection)
    trouble after that                            CallUncertain                 CallNotStarted (connection)
    2xx without a readable call id                CallUncertain                 CallNotStarted (connection)
    301 307 308                                   AccountBlocked (address)      AccountBlocked (address)
    other 3xx                                     CallUncertain                 CallNotStarted (connection)
    401 403                                       AccountBlocked (key)          AccountBlocked (key)
    402                                           AccountBlocked (payment)      AccountBlocked (payment)
    408 409 425 499                               CallUncertain                 CallNotStarted (connection)
    4xx about the idempotency key                 CallUncertain                 as without
    4xx but 429 that is HTML; 407                 CallUncertain                 CallNotStarted (connection)
    4xx whose message speaks of concurrency       CallNotStarted (concurrency)  CallNotStarted (concurrency)
    429                                           CallNotStarted (rate)         CallNotStarted (rate)
    other 4xx                                     CallRefused (see `blame_of`)  CallNotStarted (connection)
    5xx, and whatever else                        CallUncertain                 CallNotStarted (connection)

Why 301, 307 and 308 stop the campaign: they say that this request was not carried out here and belongs
elsewhere, so no call was made, and every further request would be answered alike: `base_url` is wrong. A
302 or 303 is also what a server answers when it *has* done the work and shows the way to the result.

Why 409 is uncertain: with an idempotency key it is the usual answer while the first request with that key
is still being worked on. The API's pages are silent. The same holds for every 4xx that speaks of the key.

Why an HTML page is nobody's refusal: the API answers in JSON. A page is the word of a proxy, a firewall or a
captive portal. It says nothing of our key, the account or the person, and whether the request was passed on
before it nobody knows. A 407 is a proxy's own by definition, whatever its form.
"""

import math
import re
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime

from dialer.domain.errors import (
    AccountBlocked,
    Blame,
    CallError,
    CallNotStarted,
    CallRefused,
    CallUncertain,
    Limit,
)

RETRY_AFTER_MAX_S = 300.0
"""A longer wait is cut to this: the API's windows are a minute at most."""
MESSAGE_CHARS_MAX = 300

CHECK_KEY = "check RETELL_API_KEY: it is missing, wrong, or may not do this"
ADD_PAYMENT = "add a payment method or credit in the Retell dashboard, then resume the campaign"
CHECK_ADDRESS = "check the API's base_url: its server sends us to another address"
ON_THE_WAY = (
    "a proxy, firewall or captive portal answers instead of Retell, and the key is not to blame: "
    "let requests through to the API's base_url; the calls go on by themselves then"
)

MAY_HAVE_MADE_IT = frozenset({408, 409, 425, 499})
"""4xx that do not say that the request was not carried out: it timed out, or collides with itself."""
_NO_ROOM = re.compile(r"\bconcurrency\b|\bconcurrent (?:phone |web |outbound )?calls?\b", re.IGNORECASE)
"""The account has no room for another call. Retell's docs say "concurrency"; they list no texts."""
_SAME_KEY = re.compile(r"idempoten", re.IGNORECASE)
"""It is about the key, so about a request that came before with it: that one may have made the call."""
_NOT_OUR_LINE = re.compile(r"\bfrom.?(?:phone.?)?number", re.IGNORECASE)
"""Seen: `Item +12125550100 not found from phone-number`, with 404."""
_SETUP = re.compile(
    r"\bagents?\b|\bagent_id|\bversion\b|\boverride|\bmust have required propert|\brequired field"
    r"|\b(?:additional|unknown|unexpected) (?:propert|field|parameter)",
    re.IGNORECASE,
)
_DO_NOT_CALL = re.compile(r"\bdo[ _-]?not[ _-]?call\b|(?:\b|_)dnc(?:\b|_)", re.IGNORECASE)
"""What `honor_internal_dnc` brings; the SDK tells of a 400, and not of its text."""
_PERSON = re.compile(
    r"\bto.?(?:phone.?)?number|\bdestination\b|\brecipient\b|\bcallee\b|\bcountry\b"
    r"|\be\.?164\b|\b(?:the|this|phone) number\b",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
"""In the URL of a proxy."""
_NUMBER_LIKE = re.compile(r"\+?\d(?:[\s().-]{0,3}\d){6,}")


class AnswerTooLong(Exception):
    """The answer's body is longer than we read."""


def from_status(
    status: int, headers: Mapping[str, str], message: str, *, creates: bool, is_page: bool = False
) -> CallError:
    """The error that an answer means. `message` is the API's own, made plain. Never for a readable 2xx.

    `is_page`: the body is HTML, whatever its headers say.
    """
    text = f"HTTP {status}" + (f": {message}" if message else "")
    if creates and (status in MAY_HAVE_MADE_IT or _SAME_KEY.search(message)):
        return CallUncertain(text)
    is_page = is_page or "html" in headers.get("Content-Type", "").lower()
    if status == 407 or (400 <= status < 500 and status != 429 and is_page):
        form = "an HTML page" if is_page else "not the API's answer"
        said = f"{text}: {form}: {ON_THE_WAY}"
        if creates:
            return CallUncertain(said, on_the_way=True)
        return CallNotStarted(said, limit=Limit.CONNECTION)
    match status:
        case 401:
            return AccountBlocked(text, way_out=CHECK_KEY)
        case 402:
            return AccountBlocked(text, way_out=ADD_PAYMENT)
        case 301 | 307 | 308:
            return AccountBlocked(text, way_out=CHECK_ADDRESS)
        case _ if 400 <= status < 500 and _NO_ROOM.search(message):
            return CallNotStarted(text, limit=Limit.CONCURRENCY, retry_after_s=retry_after_s(headers))
        case 403:
            return AccountBlocked(text, way_out=CHECK_KEY)
        case 429:
            return CallNotStarted(text, limit=Limit.RATE, retry_after_s=retry_after_s(headers))
        case _ if not creates:
            return CallNotStarted(text, limit=Limit.CONNECTION)
        case _ if 400 <= status < 500:
            return CallRefused(text, blame=blame_of(status, message))
        case _:
            return CallUncertain(text)


def blame_of(status: int, message: str) -> Blame:
    """What a refusal is about, by its own words first: Retell documents codes, and no texts.

    A 404 of a create is about something that the request names; 422 is an agent, or its version, that the
    account does not have.
    """
    if _DO_NOT_CALL.search(message):
        return Blame.DO_NOT_CALL
    if _NOT_OUR_LINE.search(message):
        return Blame.LINE
    if _SETUP.search(message):
        return Blame.SETUP
    if _PERSON.search(message):
        return Blame.PERSON
    return Blame.SETUP if status in (404, 422) else Blame.UNCLEAR


def from_trouble(trouble: Exception, *, was_sent: bool, creates: bool, secret: str) -> CallError:
    """The error that an exception of the HTTP client means.

    `was_sent`: the body, or a part of it, was handed to a live connection. Then it may have arrived whole,
    whatever the client saw of it.
    """
    reason = plain(str(trouble), secret)
    text = type(trouble).__name__ + (f": {reason}" if reason else "")
    if creates and was_sent:
        return CallUncertain(text)
    return CallNotStarted(text, limit=Limit.CONNECTION)


def plain(text: str, secret: str, own: Collection[str] = ()) -> str:
    """One bounded line without the key, a proxy's password, and anything that could be a phone number.

    `own`: our own numbers, which stay: whoever reads it has to know which line is meant.
    """
    if secret:
        text = text.replace(secret, "***")
    text = _CREDENTIALS.sub("", text)
    return _NUMBER_LIKE.sub(lambda found: found[0] if found[0] in own else "***", " ".join(text.split()))[
        :MESSAGE_CHARS_MAX
    ]


def is_page(body: bytes) -> bool:
    """Whether an answer is a page for people."""
    return body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long to wait, in seconds, from `RateLimit-Reset`, else `Retry-After`; None if they do not say.

    Zero and below count as not said: the API rounds down, and going again at once would earn the next 429.
    """
    for text in (headers.get("RateLimit-Reset"), headers.get("Retry-After")):
        seconds = _seconds(text, headers.get("Date")) if text else None
        if seconds is not None:
            return min(seconds, RETRY_AFTER_MAX_S)
    return None


def _seconds(text: str, date: str | None) -> float | None:
    """A number of seconds, or the time until an HTTP date, by the clock of the server that wrote it."""
    try:
        seconds = float(text)
    except ValueError:
        if date is None:
            return None
        try:
            seconds = (parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds()
        except (ValueError, TypeError):  # TypeError: one of the two names no zone
            return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
