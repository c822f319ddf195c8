"""How the tests are shared out where two run at once (`make test`)."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

PROGRAMS = ("tests/cli/", "tests/deploy/", "tests/processes/")
"""Tests that start programs and wait for them: one at a time, or they would wait for each other."""


class ProgramsApart(LoadScopeScheduling):
    """One worker has the tests that start programs, and another one all others."""

    def _split_scope(self, nodeid: str) -> str:
        return "programs" if nodeid.startswith(PROGRAMS) else "the rest"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ProgramsApart:
    return ProgramsApart(config, log)
