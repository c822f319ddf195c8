"""The rounds of mutation testing: which modules are changed, and which tests are to notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """Modules, and the tests that are to notice a change in them.

    Of these tests a mutant gets those that call its function, the fast ones first.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    on_import: str | None = None
    """A function that is called when its module is imported, once: mutmut has no test for it."""


HOURS = tuple(f"dialer/domain/{name}.py" for name in ("hours", "local_hours", "wall_clock", "windows"))
ROUNDS = {
    "domain": Round(
        modules=("dialer/domain/*.py",),
        left_out=("dialer/domain/north_america.py", *HOURS),  # the first is data
        tests=("tests/domain",),
        arguments=("--deselect=tests/domain/test_hours.py",),
    ),
    "hours": Round(
        modules=HOURS,
        tests=(
            "tests/domain/test_hours.py",
            "tests/domain/test_hours_edges.py",
            "tests/domain/test_windows.py",
            "tests/domain/test_screening_rules.py",
        ),
    ),
    "placing": Round(
        modules=("dialer/engine/attempts/placing.py",),
        tests=(
            "tests/engine/test_backoff.py",
            "tests/engine/test_control.py",
            "tests/engine/test_placing_edges.py",
            "tests/engine/test_placing_limits.py",
            "tests/engine/test_placing_shared.py",
            "tests/engine/test_placing_uncertain.py",
            "tests/engine/test_placing_unkeyed.py",
            "tests/engine/test_stopping.py",
        ),
    ),
    "tracking": Round(
        modules=("dialer/engine/attempts/tracking.py",),
        tests=(
            "tests/engine/test_analyses.py",
            "tests/engine/test_closed_elsewhere.py",
            "tests/engine/test_stopping.py",
            "tests/engine/test_tracking.py",
            "tests/engine/test_tracking_edges.py",
            "tests/engine/test_placing_uncertain.py",
        ),
    ),
    "claims": Round(
        modules=("dialer/adapters/ledger/queue/claim.py",),
        tests=(
            "tests/contracts/test_ledger_claims.py",
            "tests/contracts/test_ledger_claims_edges.py",
            "tests/contracts/test_ledger_claims_shared.py",
            "tests/contracts/test_ledger_sharing.py",
        ),
        arguments=("-k", "memory"),  # the store in memory alone
        on_import="dialer.adapters.ledger.queue.claim.x__priorities__",
    ),
}
