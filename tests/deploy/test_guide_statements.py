"""Statements of the guide that people lean on, each beside the test that fails when it is not so."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = " ".join((ROOT / "deploy" / "README.md").read_text().split())
STATEMENTS = (
    (
        "a service claims nothing, follows its calls, takes jobs in and asks again",
        "tests/processes/test_serve_refused.py::test_a_key_that_is_revoked_and_given_back",
    ),
    (
        "The journal's `service.reloaded` says which settings hold from now on",
        "tests/processes/test_serve.py::test_new_settings_take_hold_and_wrong_ones_change_nothing",
    ),
    (
        "the names of the API's tokens that are let in, let out or changed",
        "tests/test_settings_reloading.py::test_who_is_let_in_and_out_is_named_and_never_the_token_or_its_hash",
    ),
    (
        "with the token's name and never the token",
        "tests/web/test_malformed_requests.py::test_it_is_counted_and_nothing_of_it_is_logged",
    ),
    (
        "The file keeps the campaigns to be read, and refuses to dial them",
        "tests/contracts/test_ledger_copying_refused.py::"
        "test_a_file_that_all_was_moved_out_of_takes_no_new_campaign",
    ),
    (
        "`process.failed`, with the reason and the exit code",
        "tests/cli/test_cli_last_line.py::test_it_is_json_with_the_exit_code",
    ),
    (
        "Move it away and reload; the next lines go into a new file, and nothing is written twice",
        "tests/processes/test_serve_results.py::test_its_log_is_moved_away_and_it_begins_another_at_sighup",
    ),
)


@pytest.mark.parametrize(("statement", "test"), STATEMENTS)
def test_it_is_there_and_so_is_its_test(statement: str, test: str) -> None:
    assert statement in GUIDE
    file, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text()
