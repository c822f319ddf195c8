"""A network that resets, stalls, drips and closes by halves: nobody is called twice, all comes to its end."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.processes.places import SPEED, Place, campaign, each_called_once, numbers
from tests.processes.proxy import Mishap
from tests.processes.proxy_process import ProxyProcess

PEOPLE = numbers(2 * len(Mishap))
TIMEOUT_S = 1.0
"""The shortest that the settings allow."""
SETTLE_S = 1.5
KEYS_ALONE = ("--listing-lag", str(4 * SETTLE_S * SPEED))
"""Nothing is listed when it is looked for."""
LISTING_ALONE = ("--ignore-keys",)


def through(place: Place, proxy: ProxyProcess) -> Place:
    """The same campaign, with the API behind the proxy."""
    env = {"DIALER_RETELL__TIMEOUT_S": f"{TIMEOUT_S:g}", "DIALER_PLACING__SETTLE_S": f"{SETTLE_S:g}"}
    return replace(place, url=proxy.urls[0], env=env)


@pytest.mark.slow
@pytest.mark.parametrize("only", [KEYS_ALONE, LISTING_ALONE], ids=["by keys alone", "by the listing alone"])
def test_whatever_happens_to_a_request_nobody_is_called_twice(only: tuple[str, ...], tmp_path: Path) -> None:
    with (
        campaign(tmp_path, PEOPLE, *only) as (account, place),
        ProxyProcess(tmp_path / "proxy", account.port, plan=tuple(Mishap)) as proxy,
    ):
        with through(place, proxy).run() as program:
            done = program.ended()
            assert done.code == 0, done.said
            assert program.logged("attempt.parked") == []
        struck = proxy.seen()[0].mishaps
        assert min(struck.get(each, 0) for each in Mishap) >= 2, struck
        each_called_once(place, account.report(), PEOPLE)


@pytest.mark.slow
def test_an_idle_connection_that_is_gone_makes_no_second_call(tmp_path: Path) -> None:
    """Each answer is followed by a reset, so a request often meets a connection that has just died."""
    with (
        campaign(tmp_path, PEOPLE) as (account, place),
        ProxyProcess(tmp_path / "proxy", account.port, plan=(Mishap.CLOSE_AFTER,)) as proxy,
    ):
        done = through(place, proxy).run_to_end()
        assert done.code == 0, done.said
        assert proxy.seen()[0].mishaps[Mishap.CLOSE_AFTER] >= len(PEOPLE)
        each_called_once(place, account.report(), PEOPLE)


def test_an_api_that_is_not_there_calls_nobody_and_loses_nothing(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE) as (account, place):
        with ProxyProcess(tmp_path / "gone", account.port) as proxy:
            nowhere = replace(place, url=proxy.urls[0])
        with nowhere.run(env={"DIALER_PLACING__TRIES_MAX": "2"}) as program:
            put_back = program.until("attempt.closed", 3)
            assert {line["state"] for line in put_back} == {"unspent"}
            program.signal(signal.SIGTERM)
            assert program.ended().code == 130
        done = place.run_to_end()
        assert done.code == 0, done.said
        each_called_once(place, account.report(), PEOPLE)
