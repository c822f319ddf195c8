"""Rights and bounds of tokens: each act by each token, and what those are told who may not."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession
from api_kit import number, submit_to

from dialer.adapters.ledger.shared import open_shared_sqlite
from dialer.adapters.system.clock import SystemClock
from dialer.app.http_api import api_served
from dialer.app.ledger import open_ledger
from dialer.domain.rights import REDIRECTING, Right
from dialer.settings import Settings, load
from dialer.settings.live import live_names
from dialer.web.tokens import Role, fingerprint, new_token

OWN, OTHER = "+12125550199", "+12125550198"
SECRETS: Mapping[str, str] = {
    name: new_token()
    for name in ("read", "submit", "operate", "redirects", "weakens", "campaigns", "number", "agent")
}
TOKENS: Mapping[str, Mapping[str, Any]] = {
    "read": {"role": Role.READ},
    "submit": {"role": Role.SUBMIT},
    "operate": {"role": Role.OPERATE},
    "redirects": {"role": Role.SUBMIT, "rights": [Right.REDIRECT_DATA]},
    "weakens": {"role": Role.OPERATE, "rights": [Right.WEAKEN_RULES]},
    "campaigns": {"role": Role.OPERATE, "campaigns": ["spring", "crm-*"]},
    "number": {"role": Role.SUBMIT, "from_numbers": [OTHER]},
    "agent": {"role": Role.SUBMIT, "agents": ["agent_own"]},
}
ALL = frozenset(TOKENS)
GIVERS = ALL - {"read"}
OPERATORS = frozenset({"operate", "weakens", "campaigns"})


def settings(own: Mapping[str, Any] | None = None) -> Settings:
    tokens = [{"name": name, "sha256": fingerprint(SECRETS[name]), **has} for name, has in TOKENS.items()]
    flags: dict[str, Any] = {
        "api": {"listen": "127.0.0.1:0", "tokens": tokens, "requests_per_s": 1000},
        "from_numbers": [OWN],
        "rules": {"windows": {"mon-fri": "09:00-18:00"}, "caps": ["2 per 7d"], "gap": "4h"},
    }
    return load(None, flags | dict(own or {}), {}, None).settings


class Asker:
    """Somebody who asks a served API by the name of a token."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self._url = url
        self._session = session

    async def __call__(self, who: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {SECRETS[who]}"}
        async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)


@asynccontextmanager
async def served(path: Path, in_force: Callable[[], Settings]) -> AsyncIterator[Asker]:
    opened = lambda: open_ledger(Settings(ledger={"url": str(path)}), dispatches=False)  # noqa: E731
    async with (
        open_shared_sqlite(path, on_thread=True) as ledger,
        api_served(in_force, opened, submit_to(ledger), SystemClock()) as url,
        ClientSession() as session,
    ):
        assert url is not None
        ask = Asker(url, session)
        for campaign in ("spring", "autumn"):
            status, _ = await ask("operate", "POST", "/v1/jobs", job(campaign, job_id="row 1"))
            assert status == 200
        yield ask


def job(campaign: str = "spring", **more: Any) -> dict[str, Any]:
    return {"campaign": campaign, "to_number": number(1), **more}


def overridden(**fields: Any) -> dict[str, Any]:
    return job(agent_override={"agent": fields})


def changed(**rules: Any) -> dict[str, Any]:
    return {"changes": {f"rules.{name}": value for name, value in rules.items()}}


SET, JOBS = "/v1/campaigns/spring/set", "/v1/jobs"
PLAIN_GIVERS = GIVERS - {"number", "agent"}
"""Neither `from_numbers` nor an agent of the settings is within what those are bound to."""
ACTS: Mapping[str, tuple[str, str, object, frozenset[str]]] = {
    "a job": ("POST", JOBS, job(), PLAIN_GIVERS),
    "a job from a number": ("POST", JOBS, job(from_number=OTHER), GIVERS - {"agent"}),
    "a job from another number": ("POST", JOBS, job(from_number=OWN), PLAIN_GIVERS),
    "a job with an agent": ("POST", JOBS, job(override_agent_id="agent_own"), GIVERS - {"number"}),
    "a job with another agent": ("POST", JOBS, job(override_agent_id="agent_2"), PLAIN_GIVERS),
    "a job of a prefix": ("POST", JOBS, job("crm-1"), PLAIN_GIVERS),
    "a job of another campaign": ("POST", JOBS, job("autumn"), PLAIN_GIVERS - {"campaigns"}),
    "a job of the service's campaign": ("POST", JOBS, {"to_number": number(1)}, PLAIN_GIVERS - {"campaigns"}),
    "an override": ("POST", JOBS, overridden(voice_speed=1.1), PLAIN_GIVERS),
    **{
        f"an override of {name}": ("POST", JOBS, overridden(**{name: value}), frozenset({"redirects"}))
        for name, value in {
            "webhook_url": "https://elsewhere.example/",
            "webhook_events": [],
            "webhook_timeout_ms": 1,
            "response_engine": {"type": "custom-llm", "llm_websocket_url": "wss://elsewhere.example"},
            "pre_session_tools": [],
            "post_session_tools": [],
        }.items()
    },
    "no webhook at all": ("POST", JOBS, overridden(webhook_url=None), frozenset({"redirects"})),
    "any hours": ("POST", SET, changed(hours="always"), frozenset({"weakens"})),
    "the same hours": ("POST", SET, changed(hours="us"), OPERATORS),
    "wider windows": ("POST", SET, changed(windows={"mon-fri": "09:00-19:00"}), frozenset({"weakens"})),
    "a day more": ("POST", SET, changed(windows={"mon-sat": "10:00-12:00"}), frozenset({"weakens"})),
    "no windows": ("POST", SET, changed(windows={}), frozenset({"weakens"})),
    "narrower windows": ("POST", SET, changed(windows={"tue": "10:00-12:00, 13:00-18:00"}), OPERATORS),
    "a higher cap": ("POST", SET, changed(caps=["3 per 7d"]), frozenset({"weakens"})),
    "a shorter cap": ("POST", SET, changed(caps=["2 per 6d", "5 per 9d"]), frozenset({"weakens"})),
    "no cap": ("POST", SET, changed(caps=[]), frozenset({"weakens"})),
    "a stricter cap": ("POST", SET, changed(caps=["9 per 1d", "1 per 8d"]), OPERATORS),
    "a shorter gap": ("POST", SET, changed(gap="239m"), frozenset({"weakens"})),
    "no gap": ("POST", SET, changed(gap=None), frozenset({"weakens"})),
    "a longer gap": ("POST", SET, changed(gap="5h"), OPERATORS),
    "days off": ("POST", SET, changed(dates_off=["2026-12-24"], holidays="closed"), OPERATORS),
    "another pace": ("POST", SET, {"changes": {"pace.cps": 5}}, OPERATORS),
    "a pause": ("POST", "/v1/campaigns/spring/pause", {}, OPERATORS),
    "another campaign's pause": ("POST", "/v1/campaigns/autumn/pause", {}, OPERATORS - {"campaigns"}),
    "a look": ("GET", "/v1/campaigns/spring", None, ALL),
    "a look at another campaign": ("GET", "/v1/campaigns/autumn", None, ALL - {"campaigns"}),
    "another campaign's job": ("GET", "/v1/campaigns/autumn/jobs/row%201", None, ALL - {"campaigns"}),
    "a job by its id": ("GET", "/v1/jobs/row%201?campaign=autumn", None, ALL - {"campaigns"}),
}


@pytest.mark.parametrize("act", ACTS)
def test_each_act_by_each_token(act: str, tmp_path: Path) -> None:
    method, path, body, allowed = ACTS[act]

    async def main() -> None:
        in_force = settings()
        async with served(tmp_path / "dialer.db", lambda: in_force) as ask:
            for who in TOKENS:
                status, said = await ask(who, method, path, body)
                done = (200, 409) if path.endswith("/pause") else (200,)  # it is paused already
                assert (status in done) == (who in allowed), (who, status, said)
                if status not in done:
                    assert status == 403, (who, said)
                    assert who in said["detail"]

    anyio.run(main)


def test_every_field_that_redirects_is_tried() -> None:
    assert {act.removeprefix("an override of ") for act in ACTS if " of " in act} >= set(REDIRECTING)


@pytest.mark.parametrize(
    ("who", "path", "body", "says"),
    [
        (
            "operate",
            SET,
            changed(hours="always", gap=None),
            "rules.hours and rules.gap weaker than the service's own needs the right weaken_rules, which "
            'the token operate lacks: add "weaken_rules" to `rights` of the [[api.tokens]] entry of operate',
        ),
        (
            "submit",
            JOBS,
            overridden(webhook_url="https://elsewhere.example/"),
            "a job with webhook_url in its agent_override needs the right redirect_data, which the token "
            'submit lacks: add "redirect_data" to `rights` of the [[api.tokens]] entry of submit',
        ),
        (
            "campaigns",
            JOBS,
            job("autumn"),
            "this campaign is outside the campaigns that the token campaigns is bound to: name one of them, "
            "or add it to `campaigns` of the [[api.tokens]] entry of campaigns",
        ),
        (
            "number",
            JOBS,
            job(),
            "a job without from_number, which may get another, is outside the from_numbers",
        ),
        (
            "agent",
            JOBS,
            job(override_agent_id="agent_2"),
            "the job's override_agent_id is outside the agents",
        ),
    ],
)
def test_who_may_not_is_told_the_right_and_the_setting(
    who: str, path: str, body: object, says: str, tmp_path: Path
) -> None:
    async def main() -> None:
        in_force = settings()
        async with served(tmp_path / "dialer.db", lambda: in_force) as ask:
            status, said = await ask(who, "POST", path, body)
            assert (status, said["title"], said["code"]) == (403, "Forbidden", "not_allowed")
            assert says in said["detail"]
            assert "reload" in said["detail"]

    anyio.run(main)


def test_in_a_list_each_job_that_may_not_be_given_is_refused_alone(tmp_path: Path) -> None:
    async def main() -> None:
        in_force = settings()
        async with served(tmp_path / "dialer.db", lambda: in_force) as ask:
            given = [job(job_id="a"), job("autumn", job_id="b"), job("crm-x", job_id="c")]
            status, said = await ask("campaigns", "POST", JOBS, given)
            assert (status, said["taken"], said["refused"]) == (207, 2, 1)
            assert [each["status"] for each in said["jobs"]] == [200, 403, 200]
            assert (said["jobs"][1]["code"], said["jobs"][1]["job_id"]) == ("not_allowed", "b")

    anyio.run(main)


def test_a_bound_token_sees_its_own_campaigns_alone(tmp_path: Path) -> None:
    async def main() -> None:
        in_force = settings()
        async with served(tmp_path / "dialer.db", lambda: in_force) as ask:
            _, said = await ask("campaigns", "GET", "/v1/campaigns?limit=1")
            assert ([each["campaign"] for each in said["campaigns"]], said["next"]) == (["spring"], None)
            assert (await ask("campaigns", "GET", "/v1/campaigns?after=autumn"))[0] == 404
            _, said = await ask("campaigns", "GET", "/v1/jobs/row%201")
            assert [each["campaign"] for each in said["jobs"]] == ["spring"]
            _, said = await ask("read", "GET", "/v1/jobs/row%201")
            assert [each["campaign"] for each in said["jobs"]] == ["spring", "autumn"]

    anyio.run(main)


def test_a_job_that_names_none_gets_the_settings_own_where_all_are_within_the_bound(tmp_path: Path) -> None:
    async def main() -> None:
        in_force = settings({"from_numbers": [OTHER], "call": {"agent_id": "agent_own"}})
        async with served(tmp_path / "dialer.db", lambda: in_force) as ask:
            for who in ("number", "agent"):
                assert (await ask(who, "POST", JOBS, job()))[0] == 200
            agents = [{"agent_id": "agent_own"}, {"agent_id": "agent_2"}]
            in_force = settings({"from_numbers": [OTHER, OWN], "agents": agents})
            for who in ("number", "agent"):
                assert (await ask(who, "POST", JOBS, job()))[0] == 403
            web_call = {"campaign": "spring", "job_id": "web", "kind": "web_call", "override_agent_id": "a"}
            assert (await ask("number", "POST", JOBS, web_call))[0] == 200

    anyio.run(main)


def test_what_is_granted_or_taken_back_holds_from_the_reload_on(tmp_path: Path) -> None:
    async def main() -> None:
        in_force = settings()
        async with served(tmp_path / "dialer.db", lambda: in_force) as ask:
            assert (await ask("operate", "POST", SET, changed(hours="always")))[0] == 403
            tokens = [
                each.model_copy(update={"rights": (Right.WEAKEN_RULES,), "campaigns": ()})
                for each in in_force.api.tokens
            ]
            granted = in_force.model_copy(
                update={"api": in_force.api.model_copy(update={"tokens": tuple(tokens)})}
            )
            in_force, before = granted, in_force
            assert (await ask("operate", "POST", SET, changed(hours="always")))[0] == 200
            assert (await ask("campaigns", "GET", "/v1/campaigns/autumn"))[0] == 200
            in_force = before
            assert (await ask("operate", "POST", SET, changed(windows={})))[0] == 403
            assert (await ask("campaigns", "GET", "/v1/campaigns/autumn"))[0] == 403

    anyio.run(main)


def test_nothing_over_http_takes_a_number_off_a_do_not_call_list() -> None:
    assert not [name for name in live_names() if "do_not_call" in name]
