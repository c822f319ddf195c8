"""A room: so many at once, first come first served, and nobody's place is lost."""

import asyncio

import anyio.lowlevel
import pytest

from dialer.engine.capacity.slots import ResizableSemaphore
from tests.support.campaigns import in_virtual_time


async def turn() -> None:
    """Let everybody who can go on."""
    for _ in range(3):
        await anyio.lowlevel.checkpoint()


class Guests:
    """Who asks for a place, and who has got one."""

    def __init__(self, room: ResizableSemaphore) -> None:
        self._room = room
        self.inside: list[str] = []

    def ask(self, name: str) -> "asyncio.Task[None]":
        async def enter() -> None:
            await self._room.enter()
            self.inside.append(name)

        return asyncio.get_running_loop().create_task(enter())


@in_virtual_time
async def test_the_first_to_come_is_the_first_to_be_let_in() -> None:
    room = ResizableSemaphore(1)
    guests = Guests(room)
    for name in ("first", "second", "third"):
        guests.ask(name)
        await turn()
    assert guests.inside == ["first"]
    room.leave()
    await turn()
    assert guests.inside == ["first", "second"]
    assert room.taken == 1


@in_virtual_time
async def test_who_comes_while_others_wait_does_not_pass_them() -> None:
    room = ResizableSemaphore(1)
    guests = Guests(room)
    await room.enter()
    guests.ask("waiting")
    await turn()
    room.leave()  # its place is the waiting one's from now on, who has not run yet
    guests.ask("passing")
    await turn()
    assert guests.inside == ["waiting"]


@pytest.mark.parametrize("his_turn_came_first", [False, True])
@in_virtual_time
async def test_who_is_told_to_go_takes_no_place_from_the_next(his_turn_came_first: bool) -> None:
    room = ResizableSemaphore(1)
    guests = Guests(room)
    await room.enter()
    gone, next_one = guests.ask("gone"), guests.ask("next")
    await turn()
    steps = [gone.cancel, room.leave]
    for step in reversed(steps) if his_turn_came_first else steps:
        step()
    await next_one
    assert gone.cancelled()
    assert (guests.inside, room.taken) == (["next"], 1)


@in_virtual_time
async def test_a_smaller_room_lets_nobody_in_until_enough_have_left() -> None:
    room = ResizableSemaphore(3)
    guests = Guests(room)
    for name in "abc":
        guests.ask(name)
    await turn()
    room.resize(1)
    guests.ask("d")
    for left in (2, 1):
        room.leave()
        await turn()
        assert (room.taken, "d" in guests.inside) == (left, False)
    room.leave()
    await turn()
    assert (room.taken, guests.inside[-1]) == (1, "d")


@in_virtual_time
async def test_a_larger_room_lets_those_in_who_wait() -> None:
    room = ResizableSemaphore(0)
    guests = Guests(room)
    for name in "abc":
        guests.ask(name)
    await turn()
    room.resize(2)
    await turn()
    assert guests.inside == ["a", "b"]


@in_virtual_time
async def test_a_place_cannot_be_given_back_twice() -> None:
    room = ResizableSemaphore(1)
    await room.enter()
    room.leave()
    with pytest.raises(RuntimeError, match="that nobody has"):
        room.leave()
    assert room.taken == 0
