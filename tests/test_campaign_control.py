"""What operators change holds; what would hold the campaign is refused before it is written."""

from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.store import SqlLedger, open_sqlite
from dialer.app import campaign_control
from dialer.app.change_check import check_applies
from dialer.app.rulebook import Rulebook
from dialer.domain.calls import CampaignId
from dialer.domain.errors import BadInput
from dialer.ports.engine import Control, Operation
from dialer.settings import Settings
from dialer.settings.live import live_names, parse_change, with_changes

NOW = 1_800_000_000.0
ANN, BOB = Operation("ann", NOW, "lunch"), Operation("bob", NOW + 60, "fire")
SETTINGS = Settings(from_numbers=("+12125550190",))
TEXTS = st.sampled_from(
    [
        *("9-18", "us", "always", "none", "0", "1", "5", "-1", "0.5", "1e9", "open", "closed", "[]", "{}"),
        *('{"mon-sun": "09:00-18:00"}', '{"mon": "10:00-09:00"}', "3 per 7d", "3 per 7d, 1 per 4h", "30m"),
        *("2026-12-24", "12-24", "nan", "true", ".", "/nowhere/hours.toml", "a\0b", "\udc80"),
    ]
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(["rules.hours=9-18"])
@example(["budget.per_day_usd=5"])
@given(
    st.lists(
        st.builds("{}={}".format, st.sampled_from(live_names()), TEXTS | st.text(max_size=9)), max_size=4
    )
)
def test_what_set_accepts_the_rules_take(texts: list[str]) -> None:
    try:
        changes = dict(map(parse_change, texts))
        check_applies(SETTINGS, changes, NOW)
    except BadInput:
        return
    rules = Rulebook(SETTINGS, "spring", NOW)
    after = rules.changed(Control(1, changes, paused=None, cancelled=False, held=None))
    assert after.screen.hold is None


async def opened(ledger: SqlLedger) -> CampaignId:
    return await ledger.open_campaign("spring", NOW, simulated=False)


def test_hours_that_are_no_rules_file_are_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sqlite(tmp_path / "dialer.db", dispatches=True, on_thread=False) as ledger:
            it = await opened(ledger)
            changes = {"rules.hours": "9-18", "pace.cps": 3}
            with pytest.raises(BadInput) as wrong:
                await campaign_control.change(ledger, SETTINGS, it, changes, ANN)
            assert "9-18: cannot be read: No such file or directory" in str(wrong.value)
            assert """rules.windows='{"mon-fri": "09:00-18:00"}'""" in str(wrong.value)
            assert (await ledger.control(it)).changes == {}

    anyio.run(main)


def test_a_rules_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path(__file__).parents[1] / "config" / "rules" / "us.toml"
    (tmp_path / "own.toml").write_bytes(shipped.read_bytes())
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        async with open_sqlite(tmp_path / "dialer.db", dispatches=True, on_thread=False) as ledger:
            it = await opened(ledger)
            await campaign_control.change(ledger, SETTINGS, it, {"rules.hours": "own.toml"}, ANN)
            assert (await ledger.control(it)).changes == {"rules.hours": str(tmp_path / "own.toml")}

    anyio.run(main)


def test_a_change_is_taken_back_and_what_was_not_changed_cannot_be(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sqlite(tmp_path / "dialer.db", dispatches=True, on_thread=False) as ledger:
            it = await opened(ledger)
            change = campaign_control.change
            await change(ledger, SETTINGS, it, {"pace.cps": 9.0, "pace.slots": 3}, ANN)
            await change(ledger, SETTINGS, it, {"pace.slots": 4}, BOB, unset=["pace.cps"])
            control = await ledger.control(it)
            assert (control.changes, control.version) == ({"pace.slots": 4}, 2)
            assert with_changes(SETTINGS, control.changes).pace.cps == SETTINGS.pace.cps
            with pytest.raises(BadInput, match=r"^pace.cps was not changed .* what was: pace.slots$"):
                await change(ledger, SETTINGS, it, {}, BOB, unset=["pace.cps"])
            done = await ledger.ask(lambda conn: campaigns.operations(conn, it))
            assert [(command, detail) for command, _, detail in done[1:]] == [
                ("unset", "pace.cps"),
                ("set", '{"pace.slots": 4}'),
            ]

    anyio.run(main)


def test_what_others_need_cannot_be_taken_back_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_sqlite(tmp_path / "dialer.db", dispatches=True, on_thread=False) as ledger:
            it = await opened(ledger)
            money = {"budget.per_day_usd": 5.0, "budget.per_minute_usd": 0.1}
            await campaign_control.change(ledger, SETTINGS, it, money, ANN)
            with pytest.raises(BadInput):
                await campaign_control.change(ledger, SETTINGS, it, {}, BOB, unset=["budget.per_minute_usd"])
            await campaign_control.change(ledger, SETTINGS, it, {}, BOB, unset=[*money])
            assert (await ledger.control(it)).changes == {}

    anyio.run(main)
