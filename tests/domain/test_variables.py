"""What the agent needs to say is there, or the row is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.variables import BadVariable, VariableFault, check_variables

MISSING, EMPTY, UNRESOLVED = (
    VariableFault.MISSING_VARIABLE,
    VariableFault.EMPTY_VARIABLE,
    VariableFault.UNRESOLVED_VARIABLE,
)


@pytest.mark.parametrize(
    ("variables", "needed", "columns", "expected"),
    [
        ({"name": "Ann"}, {"name": None}, None, {"name": "Ann"}),
        ({"name": "Ann", "note": "x"}, {"name": "you"}, None, {"name": "Ann", "note": "x"}),
        ({}, {"name": "you"}, None, {"name": "you"}),
        ({"name": ""}, {"name": "you"}, None, {"name": "you"}),
        ({"name": " \t"}, {"name": ""}, None, {"name": ""}),
        ({"name": "{{x}}"}, {"name": "you"}, None, {"name": "you"}),
        ({"name": "a } b {"}, {"name": None}, None, {"name": "a } b {"}),
        ({"name": "{{ half"}, {"name": None}, None, {"name": "{{ half"}),
        ({}, {"name": None}, None, MISSING),
        ({}, {"name": None}, ("city",), MISSING),
        ({}, {"name": None}, ("name",), EMPTY),
        ({"name": " "}, {"name": None}, None, EMPTY),
        ({"name": "Hi {{first_name}}!"}, {"name": None}, None, UNRESOLVED),
        ({"name": "{{\n}}"}, {"name": None}, None, UNRESOLVED),
        ({"name": "{{}}"}, {"name": None}, None, UNRESOLVED),
        ({"name": "Ann", "note": "{{x}}"}, {"name": None}, None, UNRESOLVED),
        ({"note": "{{x}}"}, {"name": "you"}, None, UNRESOLVED),
        ({"note": "{{x}}"}, {}, None, {"note": "{{x}}"}),
    ],
)
def test_what_becomes_of_a_row(
    variables: dict[str, str],
    needed: dict[str, str | None],
    columns: tuple[str, ...] | None,
    expected: dict[str, str] | VariableFault,
) -> None:
    checked = check_variables(variables, needed, columns)
    if isinstance(checked, BadVariable):
        assert checked.code == expected
    else:
        assert checked == expected


def test_the_reason_names_the_column_and_no_value() -> None:
    code, reason = check_variables({"first name": "Hi {{secret}}"}, {"first name": None})
    assert code == "unresolved_variable"
    assert "'first name'" in reason
    assert "secret" not in reason


@pytest.mark.parametrize(
    ("columns", "says"),
    [(None, "is missing or empty, and"), (("city",), "is missing, and"), (("name",), "is empty, and")],
)
def test_the_reason_says_no_more_than_is_known_of_the_columns(
    columns: tuple[str, ...] | None, says: str
) -> None:
    fault = check_variables({}, {"name": None}, columns)
    assert isinstance(fault, BadVariable)
    assert f"column 'name' {says}" in fault.reason


def test_a_row_that_needs_no_default_is_not_copied() -> None:
    row = {"name": "Ann"}
    assert check_variables(row, {}) is row
    assert check_variables(row, {"name": "you"}) is row


names = st.sampled_from(("a", "b", "c"))
values = st.sampled_from(("", " ", "x", "{{x}}", "y {{z}} y", "{x}"))
rows = st.dictionaries(names, values)


@given(rows, st.dictionaries(names, st.none() | st.just("d"), min_size=1))
def test_what_is_accepted_is_whole(row: dict[str, str], needed: dict[str, str | None]) -> None:
    before = dict(row)
    checked = check_variables(row, needed)
    assert row == before
    if isinstance(checked, BadVariable):
        assert any(repr(name) in checked.reason for name in {*row, *needed})
        return
    assert all(checked[name].strip() for name in needed)
    assert not any("{{" in value for value in checked.values())
    assert all(checked[name] in (value, needed.get(name)) for name, value in row.items())
    assert checked.keys() == row.keys() | needed.keys()
