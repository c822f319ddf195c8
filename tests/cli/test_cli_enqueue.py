"""`dialer enqueue`, on real brokers."""

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from cli_process import dialer

from dialer.adapters.sources.messages import read_message
from dialer.adapters.sources.options import JobOptions
from dialer.cli import exits
from tests.support.services import KINDS, Place, a_queue, free_port

LEADS = """to_number,job_id,first_name,metadata.a,not_before
+12125550100,j1,Ana,m,2026-12-01T09:00:00-05:00
+12125550101,,Núñez,,
911,,Nobody,,
+12125550102,j1,The same id,,
+12125550101,j9,The same number,,
"""


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with a_queue(request.param) as place:
        yield place


@pytest.fixture
def redis() -> Iterator[Place]:
    with a_queue("redis") as place:
        yield place


def environment(place: Place) -> dict[str, str]:
    return {
        "DIALER_QUEUE__URL": place.config.url,
        "DIALER_QUEUE__NAME": place.config.name,
        "DIALER_QUEUE__DEAD_LETTER": place.config.dead_letter,
        "DIALER_QUEUE__GROUP": place.config.group,
    }


def messages(place: Place) -> list[bytes]:
    async def main() -> list[bytes]:
        return [body for body, _ in await place.read(place.config.name, "job")]

    return anyio.run(main)


def test_each_row_is_a_message_and_refused_ones_are_told(place: Place, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(LEADS)
    ended = dialer(
        "enqueue", "leads.csv", "--campaign", "spring", "--json", cwd=tmp_path, env=environment(place)
    )
    assert ended.code == exits.DONE, ended.err
    done = json.loads(ended.out)
    assert (done["published"], done["rejected"], done["campaign"]) == (2, 3, "spring")
    assert "guest" not in ended.said
    submitted = [read_message(body, JobOptions()) for body in messages(place)]
    assert {each.campaign for each in submitted} == {"spring"}
    assert [(each.job.key, each.job.to_number) for each in submitted] == [
        ("j1", "+12125550100"),
        ("+12125550101", "+12125550101"),
    ]
    assert submitted[0].job.content.metadata == {"a": "m"}
    assert submitted[0].job.not_before == 1_796_133_600.0
    assert submitted[1].job.content.variables == {"first_name": "Núñez"}
    rejects = (tmp_path / done["rejects"]).read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in rejects[1:]] == [
        ["4", "emergency_or_short"],
        ["5", "duplicate_job_id"],
        ["6", "duplicate_number"],
    ]


def test_a_list_enqueued_twice_has_the_same_keys_twice(redis: Place, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("to_number\n+12125550100\n+12125550101\n")
    for _ in range(2):
        ended = dialer("enqueue", "leads.csv", cwd=tmp_path, env=environment(redis))
        assert ended.code == exits.DONE
        assert "published  2" in ended.out
        assert "the workers' own" in ended.out
    keys = [read_message(body, JobOptions()).job.key for body in messages(redis)]
    assert keys == ["+12125550100", "+12125550101"] * 2
    assert not list(tmp_path.glob("results/*"))


def test_a_list_without_one_good_row_ends_as_bad_input(redis: Place, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text("to_number\n911\n")
    ended = dialer("enqueue", "leads.csv", cwd=tmp_path, env=environment(redis))
    assert ended.code == exits.BAD_INPUT
    assert "rejected   1, see results/leads.rejects.csv" in ended.out


def test_a_row_that_makes_too_long_a_message_is_refused(redis: Place, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(f"to_number,a\n+12125550100,{'é' * 40_000}\n+12125550101,b\n")
    ended = dialer("enqueue", "leads.csv", "--json", cwd=tmp_path, env=environment(redis))
    assert (ended.code, json.loads(ended.out)["published"]) == (exits.DONE, 1)
    assert "message_too_long" in (tmp_path / "results" / "leads.rejects.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no queue is named: give --queue URL"),
        (["--queue", "kafka://h"], "--queue: queue.url is no broker's URL such as redis://HOST"),
        (["--queue", "redis://h", "--campaign", "../x"], "--campaign: '../x' is no campaign's name"),
    ],
)
def test_a_users_mistake_is_said_plainly(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(LEADS)
    ended = dialer("enqueue", "leads.csv", *arguments, cwd=tmp_path)
    assert ended.code == exits.BAD_INPUT
    assert says in ended.err
    assert "Traceback" not in ended.said


@pytest.mark.parametrize("scheme", ["redis", "amqp", "nats"])
def test_a_broker_that_is_not_there_is_said_plainly_without_its_password(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(LEADS)
    url = f"{scheme}://ana:s3cret@127.0.0.1:{free_port()}"
    ended = dialer("enqueue", "leads.csv", "--queue", url, cwd=tmp_path)
    assert ended.code == exits.FAILED
    assert f"queue {scheme}://127.0.0.1" in ended.err
    assert "cannot be reached" in ended.err
    assert "0 messages were confirmed" in ended.err
    assert "s3cret" not in ended.said
    assert "ana" not in ended.said
    assert "Traceback" not in ended.said
