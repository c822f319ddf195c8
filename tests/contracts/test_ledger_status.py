"""Where many campaigns stand: as many questions as for one, and the same answers."""

from dataclasses import replace

from ledger_contract import NOW, Desk, Store, a_job
from test_ledger_plans import plans

from dialer.adapters.ledger.operators import campaigns
from dialer.adapters.ledger.operators.campaign_faults import FRESH_S, faults_of, tell_faults
from dialer.app.campaign_status import CampaignStatus, statuses_of
from dialer.domain.calls import CampaignId
from dialer.domain.lifecycle import AttemptState, JobState
from dialer.ports.engine import Operation
from dialer.ports.sharing import CampaignFault
from dialer.settings import Settings

SETTINGS = Settings(canary={"calls": 2})
ANN = Operation("ann", NOW, "lunch")


async def asked(desk: Desk, names: dict[str, CampaignId]) -> list[CampaignStatus]:
    return await statuses_of(desk.ledger, SETTINGS, names)


def test_many_campaigns_are_told_of_as_each_is_alone(store: Store) -> None:
    async def case(desk: Desk) -> None:
        autumn, winter = [
            Desk(desk.ledger, await desk.ledger.open_campaign(name, NOW, simulated=name == "winter"))
            for name in ("autumn", "winter")
        ]
        await desk.read([a_job(n) for n in range(5)])
        await autumn.read([a_job(n) for n in range(3)])
        await desk.finish(await desk.claim())
        await desk.to_state(AttemptState.UNCERTAIN)
        await desk.to_state(AttemptState.PLACED)
        await autumn.claim()
        await desk.ledger.operate(lambda conn: campaigns.pause(conn, autumn.campaign_id, ANN))
        await desk.ledger.operate(
            lambda conn: campaigns.change(conn, desk.campaign_id, {"canary.calls": 3}, ANN)
        )
        await autumn.ask()
        names = {"spring": desk.campaign_id, "winter": winter.campaign_id, "autumn": autumn.campaign_id}
        together = await asked(desk, names)
        alone = [(await asked(desk, {name: each}))[0] for name, each in names.items()]
        pace = {"per_minute": 0.0, "left_s": None, "now": 0.0}  # of the clock's moment
        assert [replace(each, **pace) for each in together] == [replace(each, **pace) for each in alone]
        spring, of_winter, of_autumn = together
        assert (spring.counts.attempts, spring.counts.calls, spring.counts.uncertain) == (3, 2, 1)
        assert spring.counts.jobs[JobState.DONE] == 1
        assert spring.canary_calls == 3
        assert (of_winter.counts.open_jobs, of_winter.holds.simulated) == (0, True)
        assert of_autumn.holds.paused_by == ANN
        assert (of_autumn.holds.held, of_autumn.holds.held_since) == ("paused by ann: lunch", NOW)
        assert of_autumn.canary_calls == 2

    store.work(case)


def test_a_hundred_campaigns_are_as_many_questions_as_one(file: Store) -> None:
    async def case(desk: Desk) -> None:
        names = {"spring": desk.campaign_id}
        await desk.read([a_job(1)])
        one = await plans(desk, lambda: statuses_of(desk.ledger, Settings(), names))
        for n in range(100):
            other = Desk(desk.ledger, await desk.ledger.open_campaign(f"c{n}", NOW, simulated=False))
            names[f"c{n}"] = other.campaign_id
            await other.read([a_job(n)])
        many = await plans(desk, lambda: statuses_of(desk.ledger, Settings(), names))
        assert len(many) == len(one)

    file.work(case)


def test_faults_are_told_of_while_their_worker_repeats_them(store: Store) -> None:
    def fault(worker: str, part: str = "campaign", since: float = NOW) -> CampaignFault:
        return CampaignFault("spring", part, "no room", since, NOW + 30, worker)

    async def case(desk: Desk) -> None:
        async def tell(worker: str, faults: list[CampaignFault], at: float) -> None:
            await desk.ledger.operate(lambda conn: tell_faults(conn, worker, faults, at))

        async def told(at: float) -> list[tuple[str, str, float]]:
            found = await desk.ledger.ask(lambda conn: faults_of(conn, [desk.campaign_id], at))
            return [(each.worker, each.part, each.since) for each in found[desk.campaign_id]]

        await tell("one", [fault("one", "results_log", NOW + 1), fault("one")], NOW)
        await tell("two", [fault("two", since=NOW - 5)], NOW)
        assert await told(NOW) == [
            ("two", "campaign", NOW - 5),
            ("one", "campaign", NOW),
            ("one", "results_log", NOW + 1),
        ]
        await tell("one", [fault("one")], NOW + FRESH_S - 1)
        assert await told(NOW + FRESH_S) == [("one", "campaign", NOW)], "two is dead"
        await tell("one", [], NOW + FRESH_S + 1)
        assert await told(NOW) == [], "what a dead worker left is taken away"

    store.work(case)
