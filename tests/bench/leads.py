"""Lead lists for the bench, written to a temporary folder and never anywhere else.

The small ones hold fiction numbers only (555-0100 to 555-0199 of every area code). There are not enough of
those for a million people, so the big ones count through 555-xxxx of every area code; they are dialled by
nobody, since the bench knows no server but its own on 127.0.0.1.
"""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from dialer.adapters.retell.config import RetellConfig
from dialer.adapters.retell.requests import encode
from dialer.domain.calls import AttemptId, CallContent, CallJob
from dialer.domain.phone import PhoneNumber, parse_number

PLANS = ("gold", "silver", "basic")


@cache
def area_codes() -> tuple[int, ...]:
    """The area codes behind +1 whose 555 numbers the product takes."""
    codes = range(201, 1000)
    return tuple(code for code in codes if isinstance(parse_number(f"+1{code}5550100", None), PhoneNumber))


def numbers(how_many: int) -> Iterator[str]:
    """Distinct numbers, fiction first."""
    tails = [*range(100, 200), *range(100), *range(200, 10_000)]
    return islice((f"+1{area}555{tail:04d}" for tail in tails for area in area_codes()), how_many)


def write_phone_leads(path: Path, rows: int) -> Path:
    """People to be called."""
    with path.open("w", encoding="utf-8") as out:
        out.write("to_number,first_name,plan\n")
        out.writelines(
            f"{number},Ann{at},{PLANS[at % len(PLANS)]}\n" for at, number in enumerate(numbers(rows))
        )
    return path


def write_web_leads(path: Path, rows: int) -> Path:
    """Web calls to be created."""
    with path.open("w", encoding="utf-8") as out:
        out.write("job_id,first_name,plan\n")
        out.writelines(f"job-{at},Ann{at},{PLANS[at % len(PLANS)]}\n" for at in range(rows))
    return path


def write_bodies(path: Path, rows: int) -> Path:
    """The requests that the product makes of `write_phone_leads`, one a line."""
    config = RetellConfig(api_key="bench-key", agent_id="agent_bench")
    with path.open("wb") as out:
        for at, number in enumerate(numbers(rows)):
            content = CallContent(variables={"first_name": f"Ann{at}", "plan": PLANS[at % len(PLANS)]})
            job = CallJob(number, number, content=content)
            out.write(encode(job, AttemptId(f"{at:032x}"), "+12125550199", config) + b"\n")
    return path
