"""The table of exit codes: from what happened to the code, and which code of several counts."""

from __future__ import annotations

import errno
import itertools

import pytest
import typer

from syncd import errors
from syncd.report.exit_code import CODES, GOOD, MEANINGS, SEVERITY, code_for, code_of, gravest


class UsageError(Exception):
    """An error as Typer raises it: only its usage errors can format a message."""

    def format_message(self) -> str:
        return "no such option"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("syncd.yaml: wrong"), 2),
        (errors.SourceInvalid("no such column"), 2),
        (errors.SourceDenied("the key is refused"), 3),
        (errors.SourceUnavailable("no answer"), 4),
        (errors.SchemaError("no match field"), 2),
        (errors.TargetRefused("too long", status=400), 3),
        (errors.TargetUnavailable("no answer"), 4),
        (errors.AccessDenied("the key is refused"), 3),
        (errors.StateError("no database"), 2),
        (errors.StateBusy("locked"), 4),
        (errors.SourceBusy("another run"), 5),
        (errors.LeaseLost("another run"), 5),
        (errors.Stopped("asked to stop"), 4),
        (errors.SyncdError("nobody says more"), 1),
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "no space"), 4),
        (OSError(errno.EIO, "the terminal is gone"), 4),
        (OSError(errno.ENOENT, "no file"), 1),
        (typer.BadParameter("--json is for --check"), 2),
        (UsageError(), 2),
        (ValueError("nobody meant this"), 1),
    ],
)
def test_an_error_has_the_code_of_its_class(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_every_error_class_names_a_code_of_the_table() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.SyncdError)]
    assert len(classes) > 10
    assert {each.exit_code for each in classes} <= set(SEVERITY)


@pytest.mark.parametrize(
    ("happened", "code"),
    [
        ([], 0),
        (["held"], 3),
        (["invalid"], 3),
        (["no_contact"], 3),
        (["missing_canary"], 3),
        (["rejected"], 3),
        (["not_undone"], 3),
        (["drift"], 3),
        (["not_guarded"], 3),
        (["alarm"], 3),
        (["unknown_outcome"], 4),
        (["not_delivered"], 4),
        (["unwritable_output"], 4),
        (["unknown_address"], 2),
        (["unusable_fields"], 2),
        (["unwritable_state"], 2),
        (["wrong_mapping"], 2),
        (["changes"], 10),
        (["held", "unknown_outcome"], 4),
        (["not_delivered", "unknown_address"], 2),
        (["changes", "held"], 10),
        (["changes", "unknown_outcome"], 4),
    ],
)
def test_what_happened_without_an_error_has_a_code(happened: list[str], code: int) -> None:
    assert code_for(None, **{name: name in happened for name in CODES}) == code


def test_an_error_counts_alone() -> None:
    assert code_for(errors.TargetRefused("too long", status=400), unknown_outcome=2) == 3
    assert code_for(None, unknown_outcome=2) == 4


def test_an_unknown_name_is_a_mistake_even_if_it_did_not_happen() -> None:
    with pytest.raises(KeyError):
        code_for(hold=False)


def test_the_gravest_of_several_codes_counts() -> None:
    assert SEVERITY == (130, 1, 2, 4, 5, 10, 3, 0)
    for graver, other in itertools.combinations(SEVERITY, 2):
        assert gravest([other, graver]) == gravest([graver, other]) == graver
    assert gravest([]) == 0


def test_stdout_that_cannot_be_written_hides_no_graver_code() -> None:
    unwritable = CODES["unwritable_output"]
    assert {code: gravest([code, unwritable]) for code in SEVERITY} == {
        **dict.fromkeys(SEVERITY, 4),
        **{code: code for code in (1, 2, 130)},
    }


def test_every_code_is_in_the_order_of_gravity() -> None:
    assert {*CODES.values(), *MEANINGS, *GOOD} <= set(SEVERITY)
    assert {3, 0} == GOOD
