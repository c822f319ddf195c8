"""Each checker sees what it is there for: an engine with that one rule taken out is caught."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
import sqlalchemy as sa

from dialer.adapters.ledger import closing
from dialer.adapters.ledger.commit import Group, Operation
from dialer.adapters.sinks.jsonl import JsonlLog
from dialer.domain.calls import Attempt, CallNews, JobKind, OpenJob
from dialer.domain.outcomes import Outcome
from dialer.domain.redial import Again, Final, RedialPolicy
from dialer.domain.results import ResultLine
from dialer.domain.screening import Dial, Screen, Verdict
from dialer.engine.campaign import Campaign, CampaignConfig
from dialer.engine.pacing import Slot
from dialer.engine.placing import Parked, Placed
from dialer.engine.tracking import Followed
from dialer.ports import ClaimRequest, Finish
from dialer.simulator.account import Account
from dialer.simulator.faults import Faults
from tests.simulation.checks import violations
from tests.simulation.crash import CrashingLedger
from tests.simulation.plan import EPOCH_S, Change, Life, Plan, draw
from tests.simulation.process import Parts
from tests.simulation.rows import Rows
from tests.simulation.run import run
