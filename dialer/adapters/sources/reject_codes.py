"""The codes of refused rows and messages, with their meaning. Part of the interface: never renamed."""

from collections.abc import Mapping
from enum import StrEnum

from dialer.domain.phone import NumberFault
from dialer.domain.variables import VariableFault


class RowFault(StrEnum):
    """What can be wrong with a row besides its number (`NumberFault`) and variables (`VariableFault`)."""

    UNCLOSED_QUOTE = "unclosed_quote"
    TOO_MANY_CELLS = "too_many_cells"
    ROW_TOO_LONG = "row_too_long"
    BAD_ENCODING = "bad_encoding"
    NUL_CHARACTER = "nul_character"
    UNKNOWN_KIND = "unknown_kind"
    NO_JOB_ID = "no_job_id"
    BAD_JOB_ID = "bad_job_id"
    BAD_FROM_NUMBER = "bad_from_number"
    NO_FROM_NUMBER = "no_from_number"
    UNKNOWN_TIMEZONE = "unknown_timezone"
    BAD_PRIORITY = "bad_priority"
    BAD_TIME = "bad_time"
    BAD_AGENT_OVERRIDE = "bad_agent_override"
    BAD_CONTENT = "bad_content"
    BAD_PLACE = "bad_place"
    BAD_DO_NOT_CALL = "bad_do_not_call"


class MessageFault(StrEnum):
    """What can be wrong with a job that comes as a message, besides what is wrong with rows."""

    MESSAGE_TOO_LONG = "message_too_long"
    NO_JSON = "no_json"
    UNKNOWN_FIELD = "unknown_field"
    BAD_FIELD = "bad_field"
    BAD_CAMPAIGN = "bad_campaign"
    NOT_ALLOWED = "not_allowed"


REJECT_CODES: Mapping[str, str] = {
    NumberFault.NO_NUMBER: "the number's cell is empty",
    NumberFault.NOT_A_NUMBER: "the cell holds something else than a phone number",
    NumberFault.NOT_A_VALID_NUMBER: "the number is in no country's numbering plan",
    NumberFault.NO_COUNTRY_CODE: "no + in front, and no default region is set",
    NumberFault.NO_AREA_CODE: "a local number, or one whose first digits may be missing",
    NumberFault.SPOILED_BY_SPREADSHEET: "a spreadsheet replaced the number by 1.4E+10, ### or an error",
    NumberFault.FORMULA: "a formula where the number should be",
    NumberFault.TWO_NUMBERS: "more than one number in the cell",
    NumberFault.HAS_EXTENSION: "an extension, which cannot be dialled",
    NumberFault.EMERGENCY_OR_SHORT: "an emergency or short number",
    NumberFault.PREMIUM_RATE: "a premium rate number",
    RowFault.UNCLOSED_QUOTE: "a quote opens and does not close, or closes far below",
    RowFault.TOO_MANY_CELLS: "more cells than the header has names: often a comma without quotes around it",
    RowFault.ROW_TOO_LONG: "the line is longer than 65,536 characters",
    RowFault.BAD_ENCODING: "bytes that are no text in the file's encoding",
    RowFault.NUL_CHARACTER: "a NUL character",
    RowFault.UNKNOWN_KIND: "kind is none of phone_call, web_call, register_phone_call",
    RowFault.NO_JOB_ID: "a web call without job_id: nothing else tells it from the next",
    RowFault.BAD_JOB_ID: "job_id is longer than 200 characters, or holds control or bidirectional characters",
    RowFault.BAD_FROM_NUMBER: "from_number is no valid number",
    RowFault.NO_FROM_NUMBER: "neither the row nor the settings have a number to call from",
    RowFault.UNKNOWN_TIMEZONE: "timezone is no IANA zone",
    RowFault.BAD_PRIORITY: "priority is no whole number from -100 to 100",
    RowFault.BAD_TIME: "not_before or expires_at is no RFC 3339 time, or the row expires before it starts",
    RowFault.BAD_AGENT_OVERRIDE: "agent_override is no JSON object",
    RowFault.BAD_CONTENT: "the API would not take these variables, metadata, headers or agent settings",
    RowFault.BAD_PLACE: "timezone, state or postal_code do not say where the person is",
    RowFault.BAD_DO_NOT_CALL: "a do-not-call column says neither yes nor no",
    VariableFault.MISSING_VARIABLE: "the file has no column for a variable that the agent needs",
    VariableFault.EMPTY_VARIABLE: "a variable that the agent needs is empty, and has no default",
    VariableFault.UNRESOLVED_VARIABLE: "a variable still holds a placeholder in double braces",
    MessageFault.MESSAGE_TOO_LONG: "a message of more than 65,536 bytes",
    MessageFault.NO_JSON: "a message that is no JSON object in UTF-8",
    MessageFault.UNKNOWN_FIELD: "a message with a field that no job has",
    MessageFault.BAD_FIELD: "a field of a message is not of its type",
    MessageFault.BAD_CAMPAIGN: "campaign is no name that a campaign can have",
    MessageFault.NOT_ALLOWED: "the token or queue has no right to give this job, or is bound to others",
}
"""Code → meaning, for the documentation. Duplicates (`duplicate_number`, ...) are found by the ledger."""
