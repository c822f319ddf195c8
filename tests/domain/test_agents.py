"""Which of several agents talks."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.agents import AgentChoice, choose_agent

JOBS = 20_000
A, B, C = AgentChoice("agent_a"), AgentChoice("agent_b", 3, 2.0), AgentChoice("agent_b", "live", 7.0)
keys = st.text(max_size=20)
agents = st.lists(
    st.builds(
        AgentChoice,
        st.sampled_from(["a", "b", "c", "d"]),
        st.none() | st.integers(0, 9) | st.sampled_from(["x", "y"]),
        st.floats(0.001, 1000),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda agent: (agent.agent_id, agent.agent_version),
)


def test_the_choice_is_the_same_for_ever() -> None:
    chosen = [choose_agent(f"row-{row}", (A, B, C), "spring").weight for row in range(16)]
    assert chosen == [7, 7, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 7, 7]


def test_each_agent_gets_its_weights_share() -> None:
    chosen = [choose_agent(f"+1212555{row}", (A, B, C), "spring") for row in range(JOBS)]
    for agent, share in ((A, 0.1), (B, 0.2), (C, 0.7)):
        spread = (share * (1 - share) / JOBS) ** 0.5
        assert chosen.count(agent) / JOBS == pytest.approx(share, abs=4 * spread)


def test_campaigns_choose_each_for_itself() -> None:
    pair = (A, AgentChoice("agent_b"))
    same = sum(choose_agent(str(row), pair, "x") is choose_agent(str(row), pair, "y") for row in range(JOBS))
    assert same / JOBS == pytest.approx(0.5, abs=0.02)


def test_a_key_that_was_read_from_broken_text_draws_as_any_other() -> None:
    assert choose_agent("row-\udcff", (A, B, C), "spring") in (A, B, C)


@given(keys, agents, st.randoms(use_true_random=False))
def test_the_order_of_the_agents_has_no_say(key: str, of: list[AgentChoice], chance: Random) -> None:
    shuffled = sorted(of, key=lambda _: chance.random())
    assert choose_agent(key, of, "spring") == choose_agent(key, shuffled, "spring")


@given(keys, agents, st.floats(0.001, 1000))
def test_an_agent_that_is_added_only_takes_jobs_over(key: str, of: list[AgentChoice], weight: float) -> None:
    before = choose_agent(key, of, "spring")
    added = AgentChoice("new", None, weight)
    assert choose_agent(key, [*of, added], "spring") in (before, added)


@given(keys, agents)
def test_one_that_is_taken_out_only_gives_its_own_away(key: str, of: list[AgentChoice]) -> None:
    chosen = choose_agent(key, of, "spring")
    for gone in of:
        left = [agent for agent in of if agent is not gone]
        if left and gone is not chosen:
            assert choose_agent(key, left, "spring") is chosen


@given(keys, agents, st.floats(1.0, 100.0))
def test_more_weight_never_loses_a_job(key: str, of: list[AgentChoice], factor: float) -> None:
    chosen = choose_agent(key, of, "spring")
    heavier = AgentChoice(chosen.agent_id, chosen.agent_version, chosen.weight * factor)
    changed = [heavier if agent is chosen else agent for agent in of]
    assert choose_agent(key, changed, "spring") is heavier
