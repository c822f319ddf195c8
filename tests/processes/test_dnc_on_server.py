"""The do-not-call list of a ledger on a server: also while others dial from it."""

from pathlib import Path

import anyio

from dialer.adapters.ledger.postgres import open_postgres
from dialer.cli import exits
from tests.cli.cli_process import dialer
from tests.support.postgres import a_schema

NUMBER = "+12125550141"


def test_a_number_is_added_while_somebody_dials_from_it(tmp_path: Path) -> None:
    with a_schema() as url:
        made = dialer("dnc", "add", NUMBER, "--ledger", url, "--reason", "wrote to us", cwd=tmp_path)
        assert made.code == exits.DONE, made.said
        assert "a new one was made" in made.said

        async def beside() -> None:
            async with open_postgres(url, dispatches=True, speed=1.0):
                added = await anyio.to_thread.run_sync(
                    lambda: dialer("dnc", "add", "+12125550142", "--ledger", url, cwd=tmp_path)
                )
            assert added.code == exits.DONE, added.said
            assert "a new one was made" not in added.said

        anyio.run(beside)
        listed = dialer("dnc", "list", "--ledger", url, cwd=tmp_path)
        assert NUMBER in listed.out
        assert "+12125550142" in listed.out
