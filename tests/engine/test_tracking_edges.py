"""Whose call it is that is heard of."""

from dialer.adapters.retell.client import open_api
from dialer.adapters.retell.config import RetellConfig
from dialer.domain.calls import AttemptId, CallId, CallNews
from dialer.engine.tracking import Tracker, TrackingConfig
from tests.engine.test_tracking import CALL, attempt
from tests.support.campaigns import KEY, in_virtual_time

CONFIG = TrackingConfig(2.0, 15.0, 7500.0, 20.0)


@in_virtual_time
async def test_the_calls_own_id_goes_before_what_it_says_of_its_attempt() -> None:
    async with open_api(RetellConfig(api_key=KEY), connections_max=1) as api:
        tracker = Tracker(api, CONFIG)
        with tracker.follow(attempt(CALL)) as followed:
            assert tracker.heard(CallNews(CALL, "ended", AttemptId("another"), reason="user_hangup"))
            assert followed.is_over
        with tracker.follow(attempt(CALL)) as followed:
            assert tracker.heard(CallNews(CallId("another"), "ongoing", followed.attempt_id))
            assert followed.call_id == CALL, "an id that is known stays"
