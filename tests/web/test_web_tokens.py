"""Who may ask for what: tokens, roles, and what one token may take."""

import math
import re
from collections.abc import AsyncIterator

import anyio
import pytest
from aiohttp import ClientSession
from api_kit import BOUNDS, SECRETS, TOKENS, Office, at_office
from hypothesis import given
from hypothesis import strategies as st

from dialer.web.admission import UNDER_WAY_MAX, Admission
from dialer.web.bounds import BURST_S, Allowance, ApiBounds
from dialer.web.openapi import ENDPOINTS, PATH
from dialer.web.problems import Problem
from dialer.web.tokens import Role, Token, find, fingerprint, new_token


def test_a_token_is_256_bits_that_no_other_has() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"dialer_[A-Za-z0-9_-]{43}", each) for each in made)  # 43 * 6 bits hold 256


def test_only_the_whole_token_is_found() -> None:
    for role, secret in SECRETS.items():
        assert find(TOKENS, secret) == next(each for each in TOKENS if each.role is role)
    secret = SECRETS[Role.READ]
    for wrong in ("", secret[:-1], secret + "A", secret.upper(), fingerprint(secret), "é\ud800", "x" * 10**6):
        assert find(TOKENS, wrong) is None
    assert find((), secret) is None


def test_each_role_allows_what_those_before_it_allow() -> None:
    allowed = {role: [each for each in Role if role.allows(each)] for role in Role}
    assert allowed == {
        Role.READ: [Role.READ],
        Role.SUBMIT: [Role.READ, Role.SUBMIT],
        Role.OPERATE: [Role.READ, Role.SUBMIT, Role.OPERATE],
    }


def test_every_endpoint_but_the_document_needs_a_token_of_its_role() -> None:
    async def case(at: Office) -> None:
        for endpoint in ENDPOINTS:
            path = endpoint.path.format(campaign="none", job_id="none")
            nobody = await at.ask(endpoint.method, path, role=None)
            assert (nobody.status, nobody.headers["WWW-Authenticate"]) == (401, "Bearer"), endpoint.name
            for role in Role:
                asked = await at.ask(endpoint.method, path, role=role)
                assert (asked.status == 403) == (not role.allows(endpoint.role)), (endpoint.name, role)
                assert asked.status != 401
        assert (await at.ask("GET", PATH, role=None)).status == 200

    at_office(case)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic {token}", "{token}", "Bearer {token}x", "Bearer x {token}"]
)
def test_what_is_no_token_of_ours_is_nobody(header: str) -> None:
    async def case(at: Office) -> None:
        secret = SECRETS[Role.OPERATE]
        sent = {"Authorization": header.format(token=secret)}
        refused = await at.ask("GET", "/v1/campaigns", role=None, headers=sent)
        assert refused.status == 401
        assert secret not in await refused.text()

    at_office(case)


def test_the_scheme_is_read_in_any_case() -> None:
    async def case(at: Office) -> None:
        sent = {"Authorization": f"bearer  {SECRETS[Role.READ]}"}
        assert (await at.ask("GET", "/v1/campaigns", role=None, headers=sent)).status == 200

    at_office(case)


@given(
    per_s=st.floats(0.1, 1000),
    waits=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_in_any_time_nobody_takes_more_than_the_rate_and_one_burst(per_s: float, waits: list[float]) -> None:
    now, allowance = 100.0, Allowance(per_s, 100.0)
    taken: list[float] = []
    for wait in waits:
        now += wait
        after_s = allowance.take(now)
        if after_s == 0.0:
            taken.append(now)
        else:
            assert after_s <= 1 / per_s + 1e-9
    full = max(per_s * BURST_S, 1.0)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= full + (taken[last] - begin) * per_s + 1e-6


def test_who_waits_as_long_as_was_said_may_go() -> None:
    allowance = Allowance(0.5, 0.0)
    assert allowance.take(0.0) == 0.0
    wait_s = allowance.take(0.0)
    assert wait_s == pytest.approx(2.0)
    assert allowance.take(wait_s - 0.01) > 0
    assert allowance.take(wait_s) == 0.0


def test_a_token_has_its_own_allowance() -> None:
    bounds = ApiBounds(BOUNDS.body_bytes_max, BOUNDS.body_s, BOUNDS.items_max, requests_per_s=0.5)

    async def case(at: Office) -> None:
        statuses = [(await at.ask("GET", "/v1/campaigns", role=Role.READ)).status for _ in range(3)]
        assert statuses == [200, 429, 429]
        refused = await at.ask("GET", "/v1/campaigns", role=Role.READ)
        assert 1 <= int(refused.headers["Retry-After"]) <= math.ceil(1 / bounds.requests_per_s)
        assert "2" not in (await refused.json(content_type=None))["title"]
        assert (await at.ask("GET", "/v1/campaigns", role=Role.OPERATE)).status == 200
        assert (await at.ask("GET", "/v1/campaigns", role=None)).status == 401

    at_office(case, bounds)


def test_two_tokens_of_one_user_are_told_apart() -> None:
    first, second = new_token(), new_token()
    tokens = [Token("a", Role.READ, fingerprint(first)), Token("b", Role.OPERATE, fingerprint(second))]
    assert [find(tokens, each) for each in (first, second)] == tokens


def test_a_session_may_be_kept_open() -> None:
    async def case(at: Office) -> None:
        async with ClientSession() as session:
            sent = {"Authorization": f"Bearer {SECRETS[Role.READ]}"}
            for _ in range(3):
                async with session.get(f"{at.url}/v1/campaigns", headers=sent) as answer:
                    assert answer.headers["Cache-Control"] == "no-store"
                    assert answer.headers["Server"] == "dialer"  # and no version of what it is made of

    at_office(case)


def test_a_token_that_is_taken_back_is_let_in_no_more() -> None:
    let_in = list(TOKENS)
    admission = Admission(lambda: let_in, BOUNDS)
    header = f"Bearer {SECRETS[Role.READ]}"
    assert admission.token_of(header).role is Role.READ
    let_in.remove(TOKENS[0])
    with pytest.raises(Problem) as refused:
        admission.token_of(header)
    assert refused.value.status == 401


def test_one_token_has_so_many_requests_under_way_and_no_more() -> None:
    async def case(at: Office) -> None:
        waits = anyio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"["
            await waits.wait()
            yield b"]"

        statuses: list[int] = []

        async def ask() -> None:
            sent = {"Authorization": f"Bearer {SECRETS[Role.SUBMIT]}", "Content-Type": "application/json"}
            async with at.session.post(f"{at.url}/v1/jobs", data=body(), headers=sent) as answer:
                statuses.append(answer.status)
            if len(statuses) == 3:
                waits.set()

        async with anyio.create_task_group() as tasks:
            for _ in range(UNDER_WAY_MAX + 3):
                tasks.start_soon(ask)
        assert statuses == [429] * 3 + [422] * UNDER_WAY_MAX
        assert (await at.ask("POST", "/v1/jobs", [], role=Role.SUBMIT)).status == 422

    at_office(case)
