"""The rules of a running campaign follow its files and its operators; what cannot be known holds it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from dialer.app.clock_loop import run, run_virtual
from dialer.app.rulebook import CONTROL_S, VIRTUAL_LOOK_S, Rulebook
from dialer.app.run import RunRequest, run_campaign
from dialer.app.simulation import Simulation
from dialer.domain.errors import BadInput
from dialer.domain.lifecycle import JobState
from dialer.engine.campaign import CampaignConfig
from dialer.engine.events import AttemptClaimed, CampaignHeld, Event
from dialer.ports.engine import Control
from dialer.settings import Settings, load

NOW = 1_795_000_000.0
LINE = "+12125550190"
ANA, BO, CY = "+12125550100", "+12125550101", "+12125550102"


def settings_with(tmp_path: Path, text: str = "", **files: str) -> Settings:
    """`files`: do-not-call files, by their names without .txt."""
    for name, content in files.items():
        (tmp_path / f"{name}.txt").write_text(content)
    paths = [str(tmp_path / f"{name}.txt") for name in files]
    config = tmp_path / "spring.toml"
    config.write_text(f'from_numbers = ["{LINE}"]\n[rules]\ndo_not_call = {paths}\n{text}')
    return load(config, {}, {}, None).settings


def rulebook(settings: Settings, speed: float | None = None) -> Rulebook:
    return Rulebook(settings, "spring", NOW, limit=7, speed=speed)


def control(version: int, **changes: Any) -> Control:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return Control(version, dotted, paused=None, cancelled=False, held=None)


def moved_to(path: Path, content: str) -> None:
    """A whole file, moved to that name."""
    new = path.with_suffix(".new")
    new.write_text(content)
    new.replace(path)


def suppressed(config: CampaignConfig) -> set[str]:
    return {each for each in (ANA, BO, CY) for file in config.screen.do_not_call if each in file.numbers}


def test_every_file_is_read_before_anybody_is_called(tmp_path: Path) -> None:
    rules = rulebook(settings_with(tmp_path, one=f"{ANA}\n", two=f"# a comment\n{BO}\n"))
    assert suppressed(rules.config) == {ANA, BO}
    assert [Path(file.name).name for file in rules.config.screen.do_not_call] == ["one.txt", "two.txt"]
    assert (rules.config.limit, rules.config.screen.hold) == (7, None)


@pytest.mark.parametrize("content", ["nonsense\n", ""])
def test_a_file_that_cannot_be_read_at_the_start_is_refused(tmp_path: Path, content: str) -> None:
    settings = settings_with(tmp_path, one=f"{ANA}\n", two=content)
    with pytest.raises(BadInput, match=r"two\.txt"):
        rulebook(settings)
    (tmp_path / "two.txt").unlink()
    with pytest.raises(BadInput, match=r"two\.txt: cannot be read"):
        rulebook(settings)


@pytest.mark.parametrize(
    ("speed", "every_s"), [(1.0, CONTROL_S), (60.0, 60 * CONTROL_S), (None, VIRTUAL_LOOK_S)]
)
def test_operators_are_heard_within_a_second_of_the_real_clock(
    tmp_path: Path, speed: float | None, every_s: float
) -> None:
    assert rulebook(settings_with(tmp_path), speed).config.control_s == every_s


def test_what_an_operator_changes_holds_with_its_version(tmp_path: Path) -> None:
    rules = rulebook(settings_with(tmp_path, one=f"{ANA}\n"))
    before = rules.config
    after = rules.changed(control(1, pace__cps=9.0, pace__slots=3))
    assert (after.cps, after.slots, after.screen.version) == (9.0, 3, 1)
    assert after.screen.hours is before.screen.hours, "what it remembers stays"
    assert suppressed(after) == {ANA}
    off = rules.changed(control(2, rules__hours="always", rules__caps=["1 per 4h"]))
    assert (off.cps, off.screen.hours.is_on, off.screen.caps.history_max) == (1.0, False, 1)
    again = rules.changed(control(3))
    assert (again.screen.hours.is_on, again.screen.version) == (True, 3)


@pytest.mark.parametrize(
    "changes",
    [{"budget__per_day_usd": 5.0}, {"pace__cps": "fast"}, {"rules__hours": "none.toml"}, {"pace__x": 1}],
)
def test_a_change_that_cannot_be_applied_holds_the_campaign_until_it_is_changed_back(
    tmp_path: Path, changes: Mapping[str, Any]
) -> None:
    rules = rulebook(settings_with(tmp_path))
    held = rules.changed(control(1, **changes)).screen
    assert held.hold is not None
    assert held.hold.why.startswith(
        "a setting changed with `dialer set` is invalid; calls are on hold until you fix it: "
    )
    assert held.version == 1
    assert rules.changed(control(2)).screen.hold is None


def watched(
    rules: Rulebook, acts: list[Callable[[], object]], speed: float | None = None
) -> list[CampaignConfig]:
    """What the watch applied after each act, made between two looks."""
    applied: list[CampaignConfig] = []

    async def main() -> None:
        heard = anyio.Event()

        def apply(config: CampaignConfig) -> None:
            nonlocal heard
            applied.append(config)
            heard.set()
            heard = anyio.Event()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rules.watch, apply)
            for act in acts:
                act()
                with anyio.fail_after(10 * VIRTUAL_LOOK_S):
                    await heard.wait()
            tasks.cancel_scope.cancel()

    if speed is None:
        run_virtual(main)
    else:
        run(main, speed=speed)
    return applied


@pytest.mark.parametrize("speed", [None, 1000.0])
def test_files_are_followed_and_an_unreadable_one_holds_until_it_can_be_read(
    tmp_path: Path, speed: float | None
) -> None:
    rules = rulebook(settings_with(tmp_path, one=f"{ANA}\n", two=f"{BO}\n"), speed)
    two = tmp_path / "two.txt"
    applied = watched(
        rules,
        [
            lambda: two.write_text(f"{BO}\n{CY}\n"),
            lambda: two.write_text(f"{BO}\nnonsense\n"),
            lambda: two.rename(two.with_suffix(".old")),
            lambda: moved_to(two, f"{CY}\n"),
        ],
        speed,
    )
    assert [suppressed(each) for each in applied] == [{ANA, BO, CY}, {ANA, BO, CY}, {ANA, BO, CY}, {ANA, CY}]
    whys = [None if each.screen.hold is None else each.screen.hold.why for each in applied]
    assert whys[0] is None
    assert whys[1] is not None
    assert f"{two}, line 2: " in whys[1]
    assert whys[2] is not None
    assert f"{two}: cannot be read" in whys[2]
    assert whys[3] is None


def test_a_file_that_lost_numbers_holds_until_it_has_been_still(tmp_path: Path) -> None:
    rules = rulebook(settings_with(tmp_path, one=f"{ANA}\n{BO}\n"), None)
    one = tmp_path / "one.txt"
    applied = watched(rules, [lambda: one.write_text(f"{ANA}\n"), lambda: None], None)
    assert [suppressed(each) for each in applied] == [{ANA, BO}, {ANA}]
    assert applied[0].screen.hold is not None
    assert "1 numbers are gone" in applied[0].screen.hold.why
    assert applied[1].screen.hold is None


def test_what_the_files_say_and_what_the_operator_changed_hold_together(tmp_path: Path) -> None:
    rules = rulebook(settings_with(tmp_path, one=f"{ANA}\n"))
    rules.changed(control(4, pace__cps=9.0))
    (applied,) = watched(rules, [lambda: moved_to(tmp_path / "one.txt", f"{BO}\n")])
    assert (applied.cps, applied.screen.version, suppressed(applied)) == (9.0, 4, {BO})
    (tmp_path / "one.txt").write_text("nonsense\n")
    (unread,) = watched(rules, [lambda: None])
    assert unread.screen.hold is not None
    still = rules.changed(control(5)).screen
    assert still.hold == unread.screen.hold


def test_a_campaign_waits_for_its_file_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    people = [f"+121255501{number:02}" for number in range(8)]
    Path("leads.csv").write_text("\n".join(["to_number", *people]))
    Path("one.txt").write_text("# nobody as yet\n")
    Path("spring.toml").write_text('[pace]\ncps = 0.01\n[rules]\ndo_not_call = ["one.txt"]\n')
    called: list[str | None] = []
    held: list[str | None] = []
    called_while_held = 0

    def observe(event: Event) -> None:
        nonlocal called_while_held
        match event:
            case AttemptClaimed(attempt):
                called.append(attempt.job.job.to_number)
                called_while_held += bool(held and held[-1])
                if len(called) == 2:
                    Path("one.txt").write_text("nonsense\n")
            case CampaignHeld(why):
                held.append(why)
                if why is not None:
                    Path("one.txt").write_text(f"{people[6]}\n{people[7]}\n")

    loaded = load(Path("spring.toml"), {}, {}, None)
    summary = run_campaign(
        loaded, RunRequest(Path("leads.csv"), "spring", Simulation(speed=None)), observers=[observe]
    )
    assert summary.stopped is None
    assert any(why and "one.txt, line 1" in why for why in held)
    assert called_while_held == 0
    assert set(called) == set(people[:6])
    assert summary.counts.jobs[JobState.DONE] == 6
    assert summary.counts.jobs[JobState.SKIPPED] == 2
    assert summary.counts.open_jobs == 0


def test_a_file_that_the_settings_name_later_holds_from_the_reload_on(tmp_path: Path) -> None:
    rules = rulebook(settings_with(tmp_path))
    assert suppressed(rules.configured(settings_with(tmp_path, one=f"{ANA}\n"))) == {ANA}
    both = settings_with(tmp_path, one=f"{ANA}\n", two=f"{BO}\n")
    assert suppressed(rules.configured(both)) == {ANA, BO}
    unread = settings_with(tmp_path, three="nonsense\n")
    hold = rules.configured(unread).screen.hold
    assert hold is not None
    assert "three.txt" in hold.why

    async def watched() -> list[CampaignConfig]:
        seen: list[CampaignConfig] = []
        moved_to(tmp_path / "three.txt", f"{CY}\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rules.watch, seen.append)
            await anyio.sleep(2 * VIRTUAL_LOOK_S)
            tasks.cancel_scope.cancel()
        return seen

    *_, last = run_virtual(watched)
    assert (suppressed(last), last.screen.hold) == ({CY}, None)
