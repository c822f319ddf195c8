"""People whom a list has twice: a row that says do-not-call holds for every row of its number."""

from collections.abc import Sequence
from dataclasses import replace

from dialer.domain.calls import CallJob
from dialer.domain.headers import says_do_not_call
from dialer.domain.spellings import spellings


class TwiceListed:
    """The rows of one reading, batch by batch. It keeps the numbers of those that say do-not-call.

    Only the first row of a number becomes a job, so what a later one says would be lost with it. A row that
    comes in a later batch than the first one of its number, which may have been called by then, is too late.
    """

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, str]] = {}
        """By number: the column, and what it says."""

    def agreed(self, jobs: Sequence[CallJob]) -> Sequence[CallJob]:
        """The batch, with what any row of a number says in all rows of that number."""
        for each in jobs:
            column = says_do_not_call(each.content.variables)
            if column is not None and each.to_number is not None:
                said = column, each.content.variables[column]
                self._said |= dict.fromkeys(spellings(each.to_number), said)
        return [self._with_what_others_say(each) for each in jobs] if self._said else jobs

    def _with_what_others_say(self, given: CallJob) -> CallJob:
        said = self._said.get(given.to_number or "")
        if said is None or says_do_not_call(given.content.variables) is not None:
            return given
        column, text = said
        variables = {**given.content.variables, column: text}
        return replace(given, content=replace(given.content, variables=variables))
