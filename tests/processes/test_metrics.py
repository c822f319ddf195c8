"""Metrics and probes of the real program, over real sockets and from its textfile."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families as text_families

from dialer.telemetry.metric_names import METRICS, Kind
from tests.cli.cli_process import COMMAND
from tests.processes.places import INVALID, KEY, campaign, numbers
from tests.processes.programs import Program, wait_for
from tests.processes.test_webhooks import free_port, post

PEOPLE = numbers(40)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PRIVATE = ("sh", "-c", 'umask 077; exec "$@"', "sh")
"""Before a command: what it writes is for nobody else, unless it says so."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def get(port: int, path: str, accept: str = "*/*", timeout_s: float = 10.0) -> tuple[int, str, str]:
    """Status, content type and text."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=timeout_s)) as connection:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def value(text: str, name: str, **labels: str) -> float:
    """The sum over all labels that are not named."""
    return sum(
        sample.value
        for family in text_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@contextmanager
def simulating(folder: Path, port: int, *more: str) -> Iterator[Program]:
    """A rehearsal that lasts a while, at a pace at which it can be looked at."""
    (folder / "leads.csv").write_text("\n".join(["phone_number", *PEOPLE]) + "\n")
    simulated = ("--simulate", "--speed", "20", "--cps", "1", "--slots", "4")
    listen = ("--metrics-listen", f"127.0.0.1:{port}")
    logs = ("--log-level", "debug", "--log-format", "json", "--json")
    env = {"DIALER_METRICS__EVERY_S": "1"}
    with Program(
        (*COMMAND, "run", "leads.csv", *simulated, *listen, *logs, *more), cwd=folder, env=env
    ) as run:
        yield run


def test_a_scrape_in_either_format(tmp_path: Path) -> None:
    port = free_port()
    with simulating(tmp_path, port) as program:
        program.until("attempt.closed", 2)
        wait_for(
            lambda: value(get(port, "/metrics")[2], "dialer_jobs") == len(PEOPLE), "all jobs are sampled"
        )
        status, content_type, text = get(port, "/metrics")
        assert (status, content_type) == (200, TEXT)
        families = {family.name: family for family in text_families(text)}
        assert_described(families)
        assert value(text, "dialer_attempts_total") >= value(text, "dialer_attempts_closed_total") >= 2
        assert value(text, "dialer_attempts_closed_total", line="+12125550199", campaign="leads") >= 2
        assert value(text, "dialer_slots") == 4
        assert 0 < value(text, "dialer_live_attempts") <= 4
        for name in ("due_to_dialled", "create_answer", "slot_refill", "ledger_commit", "webhook_lag"):
            assert value(text, f"dialer_{name}_seconds_count") >= 1, name
        assert value(text, "dialer_webhooks_total", result="taken") >= 2
        assert value(text, "process_open_fds") > 0
        assert not any(person in text for person in PEOPLE)

        status, content_type, text = get(port, "/metrics", OPENMETRICS)
        assert (status, content_type.partition(";")[0]) == (200, OPENMETRICS.partition(";")[0])
        assert_described({family.name: family for family in openmetrics_families(text)})


def assert_described(families: dict[str, Family]) -> None:
    known = {metric.name.removesuffix("_total"): metric for metric in METRICS}
    ours = {name: family for name, family in families.items() if name.startswith("dialer_")}
    assert ours.keys() == known.keys()
    for name, family in ours.items():
        assert (family.type, family.documentation) == (known[name].kind, known[name].help)
        assert (known[name].kind is Kind.COUNTER) == known[name].name.endswith("_total")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_finds_no_fault_with_a_scrape(tmp_path: Path) -> None:
    port = free_port()
    with simulating(tmp_path, port) as program:
        program.until("attempt.closed")
        text = get(port, "/metrics")[2]
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_the_probes_while_it_runs_and_while_it_stops(tmp_path: Path) -> None:
    port = free_port()
    with simulating(tmp_path, port) as program:
        program.until("call.placed")
        assert get(port, "/livez")[::2] == (200, "ok\n")
        assert get(port, "/readyz")[::2] == (200, "ok\n")
        program.signal(signal.SIGSTOP)
        with pytest.raises(TimeoutError):  # no answer at all: the prober's timeout is the finding
            get(port, "/livez", timeout_s=0.5)
        program.signal(signal.SIGCONT)
        wait_for(lambda: get(port, "/livez")[0] == 200, "it is alive again")


def test_a_forged_webhook_is_counted_and_the_file_tells_the_end(tmp_path: Path) -> None:
    hooks, port, people = free_port(), free_port(), numbers(4, [INVALID])
    url = f"http://127.0.0.1:{hooks}/webhooks/retell"
    with campaign(tmp_path, people, "--webhook-url", url, speed=4.0) as (_, place):
        listen = ("--webhook-listen", f"127.0.0.1:{hooks}", "--metrics-listen", f"127.0.0.1:{port}")
        with place.run(*listen, "--metrics-file", "dialer.prom", before=PRIVATE) as program:
            program.until("call.placed")
            assert post(hooks, b"{}", signature="v=1,d=00") == 401
            assert value(get(port, "/metrics")[2], "dialer_webhooks_total", result="bad_signature") == 1
            done = program.ended()
        assert done.code == 0, done.said
        text = (place.root / "dialer.prom").read_text()
        assert (place.root / "dialer.prom").stat().st_mode & 0o777 == 0o644
        assert [path.name for path in place.root.glob(".*.prom*")] == []
        assert value(text, "dialer_jobs", state="failed") == len(people)
        assert value(text, "dialer_jobs") == len(people)
        assert value(text, "dialer_live_attempts") == 0
        assert "process_open_fds" not in text
        assert KEY not in text


@pytest.mark.parametrize(
    ("option", "given", "says"),
    [
        ("--metrics-file", "gone/x.prom", "metrics.file gone/x.prom: cannot be written: No such file"),
        ("--metrics-file", "x.txt", "does not end in .prom"),
        ("--metrics-listen", "8080", "is not HOST:PORT"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path: Path, option: str, given: str, says: str) -> None:
    with campaign(tmp_path, PEOPLE) as (account, place):
        done = place.run_to_end(option, given)
        assert done.code == 2
        assert says in " ".join(done.err.split())
        assert account.calls() == 0


def test_an_address_that_is_taken_is_refused(tmp_path: Path) -> None:
    with campaign(tmp_path, PEOPLE) as (account, place):
        done = place.run_to_end("--metrics-listen", f"127.0.0.1:{account.port}")
        assert done.code == 2
        assert "metrics.listen 127.0.0.1" in done.err
        assert account.calls() == 0
