"""The HTTP API on a ledger: what is asked is done, as the command line does it, and said as it is."""

import errno
import os
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession
from api_kit import BOUNDS, SECRETS, Office, app_on, at_office, number

from dialer.adapters.ledger.operators.campaigns import operations
from dialer.app.api_room import COUNT_EACH_S
from dialer.app.clock_loop import run_virtual
from dialer.domain.calls import CallJob, Submitted
from dialer.domain.errors import BadInput, LedgerError
from dialer.ports.engine import Added, AddedAs
from dialer.settings import Rules, Settings
from dialer.web.documents import Campaign
from dialer.web.server import serve
from dialer.web.tokens import Role

CAMPAIGN = "/v1/campaigns/spring"


def job(line: int, **more: Any) -> dict[str, Any]:
    return {"campaign": "spring", "job_id": f"row-{line}", "to_number": number(line), **more}


def test_a_job_that_is_given_twice_is_one_job() -> None:
    async def case(at: Office) -> None:
        first = await at.post("/v1/jobs", job(1))
        again = await at.post("/v1/jobs", job(1))
        changed = await at.post("/v1/jobs", job(1, priority=5))
        assert [each["how"] for each in (first, again, changed)] == ["new", "same", "changed"]
        assert first | {"how": "same"} == again
        assert (first["campaign"], first["job_id"], first["status"]) == ("spring", "row-1", 200)
        assert (await at.get(CAMPAIGN))["jobs"]["open"] == 1
        assert (await at.get(f"{CAMPAIGN}/jobs/row-1"))["priority"] == 5

    at_office(case)


def test_another_id_is_another_job_also_to_the_same_number() -> None:
    async def case(at: Office) -> None:
        twice = {"campaign": "spring", "to_number": number(1)}
        said = await at.post("/v1/jobs", [twice | {"job_id": "a"}, twice | {"job_id": "b"}, twice, twice])
        assert [each["how"] for each in said["jobs"]] == ["new", "new", "new", "same"]
        assert (await at.get(CAMPAIGN))["jobs"]["open"] == 3
        assert (await at.get(f"{CAMPAIGN}/jobs/%2B{number(1)[1:]}"))["job_id"] == number(1)

    at_office(case)


def test_each_job_of_a_list_is_judged_alone_and_answered_in_its_place() -> None:
    async def case(at: Office) -> None:
        given = [
            job(1),
            job(2, to_number="abc"),
            job(1),
            job(4, campaign="autumn"),
            "no job",
            job(5, colour="red"),
            {"to_number": number(6)},
        ]
        said = await at.post("/v1/jobs", given, status=207)
        assert [each["index"] for each in said["jobs"]] == list(range(7))
        assert [each["status"] for each in said["jobs"]] == [200, 422, 200, 200, 422, 422, 200]
        assert [each["code"] for each in said["jobs"]] == [
            None,
            "not_a_number",
            None,
            None,
            "no_json",
            "unknown_field",
            None,
        ]
        assert all(bool(each["reason"]) == (each["status"] != 200) for each in said["jobs"])
        assert [each["job_id"] for each in said["jobs"]][1:3] == ["row-2", "row-1"]
        assert (said["taken"], said["refused"]) == (4, 3)
        shown = await at.get("/v1/campaigns")
        assert {each["campaign"]: each["jobs"]["open"] for each in shown["campaigns"]} == {
            "spring": 1,
            "autumn": 1,
            "default": 1,
        }
        assert (await at.post("/v1/jobs", [job(1)]))["refused"] == 0

    at_office(case)


def test_a_job_that_the_campaign_does_not_take() -> None:
    async def doubled(campaign: str, jobs: Sequence[CallJob]) -> list[Added]:
        return [Added(AddedAs.DUPLICATE, by_key=each.job_id == "row-1") for each in jobs]

    async def rehearsed(campaign: str, jobs: Sequence[CallJob]) -> list[Added]:
        raise BadInput("campaign spring of this ledger was simulated")

    async def case(at: Office) -> None:
        at.desk._submit = doubled
        twice = await at.post("/v1/jobs", [job(1), job(2)], status=207)
        assert [(each["status"], each["code"]) for each in twice["jobs"]] == [
            (409, "duplicate_job_id"),
            (409, "duplicate_number"),
        ]
        assert (await at.post("/v1/jobs", job(2), status=409))["code"] == "duplicate_number"
        at.desk._submit = rehearsed
        refused = await at.post("/v1/jobs", job(2), status=422)
        assert (refused["code"], refused["detail"]) == (
            "bad_campaign",
            "campaign spring of this ledger was simulated",
        )

    at_office(case)


def test_a_ledger_that_is_full_takes_nothing_until_some_is_done() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job(1), job(2)])
        await anyio.sleep(COUNT_EACH_S)
        full = await at.ask("POST", "/v1/jobs", job(3))
        assert (full.status, full.headers["Retry-After"]) == (503, "30")
        assert "service.open_jobs_max is 2" in (await full.json(content_type=None))["detail"]
        await at.post(f"{CAMPAIGN}/cancel")
        await anyio.sleep(COUNT_EACH_S)
        await at.post("/v1/jobs", job(3, campaign="autumn"))

    at_office(case, settings=Settings(service={"open_jobs_max": 2}))


def test_one_job_that_is_refused_is_a_problem() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        wrong = await at.post("/v1/jobs", job(2, to_number="abc"), status=422)
        assert (wrong["code"], wrong["status"], wrong["title"]) == (
            "not_a_number",
            422,
            "Unprocessable Entity",
        )
        assert "to_number" in wrong["detail"]
        assert (await at.get(CAMPAIGN))["jobs"]["open"] == 1

    at_office(case)


@pytest.mark.parametrize("body", [[], [job(1)] * 21, 5, None, "text"])
def test_what_is_no_list_of_jobs_is_refused_whole(body: object) -> None:
    async def case(at: Office) -> None:
        wrong = await at.post("/v1/jobs", b"null" if body is None else body, status=422)
        assert wrong["detail"]
        assert (await at.get("/v1/campaigns"))["campaigns"] == []

    at_office(case)


def test_a_campaign_is_shown_as_the_command_line_shows_it() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job(1), job(2)])
        await at.post(f"{CAMPAIGN}/pause", {"reason": f"ask {number(7)} first"})
        shown = await at.get(CAMPAIGN)
        assert Campaign.model_validate(shown).model_dump(mode="json") == shown
        assert (shown["campaign"], shown["jobs"]["open"], shown["live"]) == ("spring", 2, 0)
        assert (shown["paused"]["by"], shown["paused"]["reason"]) == ("ana.operate", f"ask {number(7)} first")
        assert shown["next_due_at"] == "2027-01-15T08:00:00.000Z"
        assert shown["breakers"]["lines"] == {}
        masked = await at.get("/v1/campaigns/spring", role=Role.READ)
        assert masked["paused"]["reason"] == f"ask {number(7)[:-4]}**** first"
        assert masked["breakers"]["lines"] is None
        assert masked["jobs"] == shown["jobs"]

    at_office(case)


def test_campaigns_come_some_at_a_time() -> None:
    async def case(at: Office) -> None:
        names = [f"c{each}" for each in range(5)]
        await at.post("/v1/jobs", [job(at_, campaign=name) for at_, name in enumerate(names)])
        seen: list[str] = []
        path = "/v1/campaigns?limit=2"
        while True:
            page = await at.get(path)
            assert len(page["campaigns"]) <= 2
            seen += [each["campaign"] for each in page["campaigns"]]
            if page["next"] is None:
                break
            path = f"/v1/campaigns?limit=2&after={page['next']}"
        assert seen == names
        for wrong in ("limit=0", "limit=101", "limit=two", "limit=-1", "limit=%D9%A3"):
            answer = await at.ask("GET", f"/v1/campaigns?{wrong}")
            assert answer.status == 422
            assert (await answer.json(content_type=None))["errors"][0]["field"] == "limit"
        assert (await at.ask("GET", "/v1/campaigns?after=none")).status == 404

    at_office(case)


def test_a_job_is_found_by_its_id_in_each_campaign_that_has_it() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job(1), job(1, campaign="autumn"), job(2)])
        found = (await at.get("/v1/jobs/row-1"))["jobs"]
        assert [each["campaign"] for each in found] == ["spring", "autumn"]
        assert (await at.get("/v1/jobs/row-1?campaign=autumn"))["jobs"] == found[1:]
        assert await at.get(f"{CAMPAIGN}/jobs/row-1") == found[0]
        assert found[0]["state"] == "open"
        assert found[0]["due_at"] == "2027-01-15T08:00:00.000Z"
        assert found[0]["attempts"] == []
        for path in ("/v1/jobs/row-3", "/v1/jobs/row-2?campaign=autumn", "/v1/jobs/row-1?campaign=x"):
            assert (await at.ask("GET", path)).status == 404
        for path in ("/v1/campaigns/autumn/jobs/row-2", "/v1/campaigns/x/jobs/row-1", "/v1/jobs/a%00b"):
            assert (await at.ask("GET", path)).status == 404

    at_office(case)


def test_an_id_may_hold_any_character() -> None:
    async def case(at: Office) -> None:
        given = {"campaign": "spring", "job_id": "a/b ü?", "to_number": number(1)}
        await at.post("/v1/jobs", [given, {"campaign": "spring", "to_number": number(2)}])
        assert (await at.get("/v1/jobs/a%2Fb%20%C3%BC%3F"))["jobs"][0]["to_number"] == number(1)
        plain = await at.get(f"{CAMPAIGN}/jobs/%2B{number(2)[1:]}")
        assert (plain["job_id"], plain["to_number"]) == (number(2), number(2))

    at_office(case)


@pytest.mark.parametrize(("role", "shown"), [(Role.READ, "+1212555****"), (Role.OPERATE, "+12125550101")])
def test_who_may_not_see_numbers_sees_none(role: Role, shown: str) -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        assert (await at.get("/v1/jobs/row-1", role=role))["jobs"][0]["to_number"] == shown

    at_office(case)


def test_orders_are_carried_out_and_recorded_as_those_of_the_command_line() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job(1), job(2)])
        paused = await at.post(f"{CAMPAIGN}/pause", {"reason": "wrong name"})
        assert (paused["order"], paused["closed"]) == ("pause", 0)
        assert paused["campaign"]["paused"]["reason"] == "wrong name"
        resumed = await at.post(f"{CAMPAIGN}/resume")
        assert resumed["campaign"]["paused"] is None
        await at.post(f"{CAMPAIGN}/resume", {})  # it was not paused: nothing to record
        changed = await at.post(f"{CAMPAIGN}/set", {"changes": {"pace.cps": 5, "rules.caps": ["1 per 1d"]}})
        assert changed["campaign"]["changes"] == {"pace.cps": 5, "rules.caps": ["1 per 1d"]}
        cancelled = await at.post(f"{CAMPAIGN}/cancel", {"reason": "last year's"})
        assert (cancelled["closed"], cancelled["campaign"]["jobs"]["cancelled"]) == (2, 2)
        assert (await at.post(f"{CAMPAIGN}/cancel"))["closed"] == 0
        it = (await at.ledger.campaigns())["spring"]
        acts = await at.ledger.ask(lambda conn: operations(conn, it))
        assert [(command, by.who, by.reason) for command, by, _ in acts] == [
            ("pause", "ana.operate", "wrong name"),
            ("resume", "ana.operate", ""),
            ("set", "ana.operate", ""),
            ("cancel", "ana.operate", "last year's"),
        ]

    at_office(case)


def test_a_cancelled_campaign_takes_no_orders() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        await at.post(f"{CAMPAIGN}/cancel")
        for order, body in (("pause", {}), ("resume", {}), ("set", {"changes": {"pace.cps": 5}})):
            refused = await at.post(f"{CAMPAIGN}/{order}", body, status=409)
            assert "cancelled" in refused["detail"]

    at_office(case)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pace.cps": 0}, "pace.cps = 0 must be a number from 0.01 to 1,000"),
        ({"pace.cps": "5"}, "pace.cps = 5 must be a number"),
        ({"pace.cps": True}, "pace.cps = True must be a number"),
        ({"pace.slots": None}, "pace.slots"),
        ({"ledger.url": "x"}, "cannot be changed while a campaign runs"),
        ({"pace.cpss": 1}, "did you mean pace.cps?"),
        ({"budget.per_day_usd": 5}, "no per_minute_usd"),
        ({"rules.hours": "/etc/passwd"}, "rules.hours may be 'us' or 'always' here"),
        ({}, "at least 1"),
    ],
)
def test_a_change_that_cannot_hold_changes_nothing(changes: dict[str, Any], says: str) -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        refused = await at.post(f"{CAMPAIGN}/set", {"changes": changes}, status=422)
        assert says in refused["detail"]
        assert (await at.get(CAMPAIGN))["changes"] == {}

    at_office(case)


def test_the_hours_of_the_settings_may_be_set_again() -> None:
    settings = Settings(rules=Rules(hours="./own.toml"))

    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        for _ in range(2):
            said = await at.post(f"{CAMPAIGN}/set", {"changes": {"rules.hours": "./own.toml"}})
            assert said["campaign"]["changes"] == {"rules.hours": "./own.toml"}
        unset = await at.post(f"{CAMPAIGN}/set", {"changes": {"budget.per_minute_usd": None}})
        assert unset["campaign"]["changes"]["budget.per_minute_usd"] is None

    at_office(case, settings=settings)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": 5}, "/reason"),
        ({"reason": "a\nb"}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"why": ""}, "/why"),
        ([], ""),
    ],
)
def test_an_order_that_is_not_as_described_names_the_field(body: object, field: str) -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        wrong = await at.post(f"{CAMPAIGN}/pause", body, status=422)
        assert wrong["errors"][0]["field"] == field
        assert (await at.get(CAMPAIGN))["paused"] is None

    at_office(case)


def test_orders_to_a_campaign_that_is_not_there() -> None:
    async def case(at: Office) -> None:
        for order, body in (
            ("pause", {}),
            ("resume", {}),
            ("cancel", {}),
            ("set", {"changes": {"pace.cps": 1}}),
        ):
            missing = await at.post(f"{CAMPAIGN}/{order}", body, status=404)
            assert missing["detail"] == "there is no campaign of this name"
        assert await at.ledger.campaigns() == {}

    at_office(case)


class _Broken:
    """A ledger that is lost, and a fault of ours."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object, **__: object) -> Any:
            raise self._error

        return fail


@pytest.mark.parametrize(
    ("error", "status"),
    [(LedgerError("ledger at +12125550100 is lost"), 503), (RuntimeError("no +12125550100 here"), 500)],
)
def test_what_fails_is_said_without_what_it_failed_with(error: Exception, status: int) -> None:
    async def main() -> None:
        seen: list[Any] = []
        app = app_on(_Broken(error), observe=seen.append)
        async with serve(app, "127.0.0.1:0") as url, ClientSession() as session:
            sent = {"Authorization": f"Bearer {SECRETS[Role.READ]}"}
            async with session.get(f"{url}/v1/campaigns", headers=sent) as answer:
                said = await answer.text()
                assert answer.status == status
                assert answer.content_type == "application/problem+json"
                assert (answer.headers.get("Retry-After") is not None) == (status == 503)
        assert "555" not in said
        assert "Traceback" not in said
        assert [each.error for each in seen] == [error if status == 500 else None]

    run_virtual(main)


def test_a_submission_whose_ledger_is_lost_says_to_ask_again() -> None:
    async def lost(campaign: str, jobs: Sequence[CallJob]) -> list[Added]:
        raise LedgerError("gone")

    async def case(at: Office) -> None:
        at.desk._submit = lost
        refused = await at.ask("POST", "/v1/jobs", job(1))
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")

    at_office(case)


def test_what_was_asked_is_told_to_the_observer_without_names_of_people() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", job(1))
        await at.ask("GET", f"/v1/jobs/%2B{number(1)[1:]}", role=None)
        await at.ask("GET", f"/{SECRETS[Role.READ]}", role=None)
        assert [(each.who, each.method, each.endpoint, each.status) for each in at.answered] == [
            ("ana.operate", "POST", "/v1/jobs", 200),
            (None, "GET", "/v1/jobs/{job_id}", 401),
            (None, "GET", "", 404),
        ]

    at_office(case, BOUNDS)


def test_a_service_without_a_file_descriptor_asks_to_come_again() -> None:
    async def case(at: Office) -> None:
        at.desk._read = no_descriptor
        answer = await at.ask("POST", "/v1/jobs", job(1))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert "no file descriptor is left" in (await answer.json(content_type=None))["detail"]

    def no_descriptor(item: object) -> Submitted:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    at_office(case)
