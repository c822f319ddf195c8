"""How many campaigns may be at work: of the service, and of each token; others are told to come again."""

from typing import Any

import anyio
from api_kit import Office, at_office, number

from dialer.app.api_room import COUNT_EACH_S
from dialer.settings import Settings
from dialer.web.tokens import Role


def job(campaign: str, **more: Any) -> dict[str, Any]:
    return {"campaign": campaign, "to_number": number(1), **more}


async def refused(at: Office, body: object, role: Role = Role.OPERATE) -> str:
    answer = await at.ask("POST", "/v1/jobs", body, role=role)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    said: str = (await answer.json(content_type=None))["detail"]
    return said


def test_no_further_campaign_begins_until_one_is_done() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job("a"), job("b")])
        assert "with these jobs 3 campaigns are at work and service.campaigns_max is 2" in await refused(
            at, job("c")
        )
        await at.post("/v1/jobs", job("a", job_id="another"))
        await refused(at, [job("a", job_id="third"), job("c")])
        assert (await at.get("/v1/campaigns/a"))["jobs"]["open"] == 2, "of a list all or nothing"
        await at.post("/v1/campaigns/b/cancel")
        await anyio.sleep(COUNT_EACH_S)
        await at.post("/v1/jobs", job("c"))

    at_office(case, settings=Settings(service={"campaigns_max": 2}))


def test_campaigns_that_sleep_do_not_count() -> None:
    async def case(at: Office) -> None:
        for n in range(5):
            await at.post("/v1/jobs", job(f"later-{n}", not_before="2100-01-01"))
            await anyio.sleep(COUNT_EACH_S)
        await at.post("/v1/jobs", [job("a"), job("b")])

    at_office(case, settings=Settings(service={"campaigns_max": 2}))


def test_one_token_takes_not_all_of_it() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job("a"), job("b")])
        said = await refused(at, job("c"))
        assert "of the token ana.operate are at work and api.campaigns_max is 2" in said
        await at.post("/v1/campaigns/a/cancel")
        await anyio.sleep(COUNT_EACH_S)
        await at.post("/v1/jobs", job("c"))

    at_office(case, settings=Settings(api={"campaigns_max": 2}))


def test_what_one_token_gave_is_not_the_others() -> None:
    async def case(at: Office) -> None:
        await at.post("/v1/jobs", [job("a"), job("b")])
        assert (await at.ask("POST", "/v1/jobs", job("c"), role=Role.SUBMIT)).status == 200
        await refused(at, job("d"))

    at_office(case, settings=Settings(api={"campaigns_max": 2}))
