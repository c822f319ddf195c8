"""Questions that dial nobody: where it stands, what came of it, does it add up."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO, TypeVar

from dialer.adapters.ledger.queue.contradictions import contradictions
from dialer.adapters.ledger.reports.audit import agreement, doubled_calls
from dialer.adapters.ledger.reports.workers import WorkerState
from dialer.adapters.ledger.store import SqlLedger
from dialer.adapters.sinks.csv_file import variable_names, write_results_csv
from dialer.adapters.sinks.jsonl import first_seq
from dialer.adapters.sinks.log_rewriting import rewriting
from dialer.app.campaign_status import CampaignStatus, statuses_of
from dialer.app.event_loop import run_on_loop
from dialer.app.ledger import open_ledger
from dialer.app.results_log import check_log
from dialer.app.worker_status import workers_of
from dialer.domain.balance import Balance
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput
from dialer.domain.results import ResultLine
from dialer.domain.texts import campaign_fault
from dialer.settings import Loaded
from dialer.settings.problems import without_password

T = TypeVar("T")

RESULT_LINES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """A campaign's balance, and what does not add up in it."""

    balance: Balance
    problems: Sequence[str]
    notes: Sequence[str]


def campaign_status(loaded: Loaded, name: str | None) -> list[CampaignStatus]:
    """One campaign, or all. Raises `BadInput` if there is none of that name, `LedgerError`."""

    async def main() -> list[CampaignStatus]:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            return await statuses_of(ledger, loaded.settings, await _named(loaded, ledger, name))

    return run_on_loop(main)


def worker_status(loaded: Loaded) -> list[WorkerState]:
    """The workers of a service. Raises `LedgerError`."""

    async def main() -> list[WorkerState]:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            return await workers_of(ledger)

    return run_on_loop(main)


def verify(loaded: Loaded, name: str | None) -> list[Verdict]:
    """Add each campaign up, compare its results log with the ledger, and check its record of decisions.

    Raises `BadInput` if there is no campaign of that name, `LedgerError`.
    """
    folder = loaded.settings.results.folder

    async def judge(ledger: SqlLedger, name: str, campaign_id: CampaignId) -> Verdict:
        balance = await ledger.balance(name, campaign_id)
        problems: Sequence[str] = ()
        if folder is None:
            notes: Sequence[str] = ["no results log is written: results.dir is empty"]
        elif campaign_fault(name) is not None:  # no file is asked for what none can be called
            notes = ["no results log can have its name"]
        elif (path := folder / f"{name}.jsonl").is_file():
            remedy = f"`dialer results {name} --rewrite` writes all of it from the ledger"
            problems, notes = await _compare_log(path, _pages(ledger, campaign_id), balance.last_seq, remedy)
        else:
            notes = [f"there is no results log {path}: `dialer results {name} --rewrite` writes it again"]
        problems = [*balance.problems(), *problems, *await ledger.decision_problems(campaign_id)]
        differing, silent = await ledger.ask(lambda conn: agreement(conn, campaign_id))
        doubled = await ledger.ask(lambda conn: doubled_calls(conn, campaign_id))
        unread = [str(each) for each in balance.in_part]
        shown = await ledger.ask(lambda conn: contradictions(conn, campaign_id))
        denied = [f"attempt {each.attempt_id}: {each.why}" for each in shown if not each.is_followed]
        followed = [
            f"attempt {each.attempt_id}: {each.why}, and was followed" for each in shown if each.is_followed
        ]
        return Verdict(
            balance, [*problems, *differing, *doubled, *denied], [*unread, *notes, *silent, *followed]
        )

    return _for_each(loaded, name, judge)


def write_results(loaded: Loaded, name: str, form: Literal["jsonl", "csv"], out: TextIO) -> int:
    """Write the results log again from the ledger; the number of lines. Raises `BadInput`, `LedgerError`."""

    async def write(ledger: SqlLedger, name: str, campaign_id: CampaignId) -> int:
        written = 0
        variables = [] if form == "jsonl" else await _variable_names(ledger, campaign_id)
        if form == "csv":
            write_results_csv([], out, variables)
        async for page in _pages(ledger, campaign_id):
            if form == "csv":
                write_results_csv([each.line for each in page], out, variables, with_header=False)
            else:
                out.writelines(each.line.decode() + "\n" for each in page)
            written += len(page)
        return written

    return _for_each(loaded, name, write)[0]


def rewrite_log(loaded: Loaded, name: str) -> tuple[Path, int]:
    """Write a campaign's results log anew from the ledger; where it is, and the number of lines.

    Raises `BadInput` if a process writes it, it is another ledger's, or there is none to be written,
    `DialerError`, `LedgerError`.
    """
    folder = loaded.settings.results.folder
    if folder is None:
        raise BadInput("no results log is written: results.dir is empty. Name a directory with --results")
    if (fault := campaign_fault(name)) is not None:
        raise BadInput(f"no results log can have the campaign's name: {fault}")
    path = folder / f"{name}.jsonl"

    async def write(ledger: SqlLedger, name: str, campaign_id: CampaignId) -> int:
        written = 0
        await check_log(ledger, campaign_id, path)
        with rewriting(path) as take:
            async for page in _pages(ledger, campaign_id):
                take(page)
                written += len(page)
        return written

    return path, _for_each(loaded, name, write)[0]


def _for_each(
    loaded: Loaded, name: str | None, ask: Callable[[SqlLedger, str, CampaignId], Awaitable[T]]
) -> list[T]:
    """Ask the ledger about one campaign, or about all."""

    async def main() -> list[T]:
        async with open_ledger(loaded.settings, dispatches=False) as ledger:
            named = await _named(loaded, ledger, name)
            return [await ask(ledger, each, campaign_id) for each, campaign_id in named.items()]

    return run_on_loop(main)


async def _named(loaded: Loaded, ledger: SqlLedger, name: str | None) -> dict[str, CampaignId]:
    """One campaign, or all. Raises `BadInput` if there is none of that name."""
    known = await ledger.campaigns()
    if name is None:
        return known
    if name not in known:
        there = ", ".join(known) or "none yet"
        url = without_password(loaded.settings.ledger.url)
        raise BadInput(f"ledger {url} has no campaign {name!r}; it has: {there}")
    return {name: known[name]}


async def _pages(ledger: SqlLedger, campaign_id: CampaignId) -> AsyncIterator[Sequence[ResultLine]]:
    """Every result line of a campaign, in order, some at a time."""
    seq = 0
    while page := await ledger.results_after(campaign_id, seq, RESULT_LINES_MAX):
        yield page
        seq = page[-1].seq


async def _variable_names(ledger: SqlLedger, campaign_id: CampaignId) -> list[str]:
    names: dict[str, None] = {}
    async for page in _pages(ledger, campaign_id):
        names.update(dict.fromkeys(variable_names(each.line for each in page)))
    return list(names)


async def _compare_log(
    path: Path, pages: AsyncIterator[Sequence[ResultLine]], last_seq: int, remedy: str
) -> tuple[list[str], list[str]]:
    """Problems and notes: the log must be the ledger's lines, perhaps not all of them yet."""
    with path.open("rb") as log:
        begins = first_seq(path)
        moved = (
            f"{path} begins with line {begins}: the lines before it were moved away with an earlier file; if "
            f"they were not, {remedy}"
        )
        notes = [moved] if begins > 1 else []
        async for page in pages:
            for line in page:
                if line.seq < begins:
                    continue
                logged = log.readline()
                if not logged.endswith(b"\n"):
                    behind = f"{path} ends before line {line.seq} of {last_seq}: the next run writes the rest"
                    return [], [*notes, f"{behind}, and {remedy}"]
                if logged[:-1] != line.line:
                    wrong = f"{path}, line {line.seq}: is not what the ledger holds"
                    return [f"{wrong}: {remedy}"], notes
        if log.read(1):
            return [f"{path}: holds more lines than the ledger's {last_seq}"], notes
    return [], notes
