"""Values from outside the file (environment, files, credentials), and that no message shows them."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config import Secret, Target
from syncd.config.variables import Variables
from syncd.core.settings.rules import Column
from tests.worlds.config_world import SOURCE, TARGET, World

SECRET = "s3cr3t-k3y"


def _key(world: World, written: str) -> str:
    return world.load(world.one_source().replace("${VOCATECH_API_KEY}", written)).target.api_key.reveal()


def _key_problem(world: World, written: str) -> str:
    (problem,) = world.problems(world.one_source().replace("${VOCATECH_API_KEY}", written))
    assert problem.startswith("syncd.yaml:2: target.api_key: ")
    return problem


def test_a_variable_comes_from_the_environment(world: World) -> None:
    assert _key(world, "x-${VOCATECH_API_KEY}-y") == "x-k-5550100-y"


def test_a_variable_comes_from_a_file_beside_the_configuration_without_its_last_line_break(world: World) -> None:
    world.write("secrets/key", f"{SECRET}\r\n")
    assert _key(world, "${file:secrets/key}") == SECRET


def test_a_variable_comes_from_a_credential_of_systemd(world: World) -> None:
    world.write("run/vocatech", f"{SECRET}\n")
    world.environ["CREDENTIALS_DIRECTORY"] = str(world.folder / "run")
    assert _key(world, "${credential:vocatech}") == SECRET


def test_two_dollars_are_no_variable(world: World) -> None:
    assert _key(world, "$${HOME}$x") == "${HOME}$x"


def test_what_a_variable_holds_is_not_looked_into_again(world: World) -> None:
    world.environ["A"] = "${B}"
    assert _key(world, "${A}") == "${B}"


def test_an_included_file_looks_for_files_beside_itself(world: World) -> None:
    world.write("sources/name", "mobile\n")
    world.write("sources/tenants.yaml", SOURCE.replace("[mobile]", "'${file:name}'"))
    source = world.load(TARGET + "include: sources/*.yaml\n").sources["tenants"]
    assert source.rules.mapping["Phone"].origin == Column("mobile")


def test_numbers_flags_and_choices_may_be_variables(world: World) -> None:
    world.environ |= {"N": "7", "F": "no", "M": "upsert"}
    source = world.source(mode="${M}", mapping="{A: {from: a, trim: '${F}', max_length: '${N}'}}")
    rule = source.rules.mapping["A"]
    assert (source.gates.mode, rule.trim, rule.max_length) == ("upsert", False, 7)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("${NOT_SET}", "the environment variable NOT_SET is not set: set it, or use ${file:PATH}"),
        ("${file:none}", "${file:none}: there is no such file"),
        ("${file:.}", "${file:.}: this is a folder: name a file in it"),
        ("${credential:vocatech}", "add LoadCredential=vocatech:PATH to the unit"),
        ("${credential:../x}", "names no credential"),
        ("${not set}", "begins no variable: write ${NAME}, ${file:PATH} or ${credential:NAME}, or $${ for ${"),
        ("${", "begins no variable"),
        ("${VOCATECH_API_KEY", "begins no variable"),
        ("${}", "begins no variable"),
        ("${file:binary}", "${file:binary} is not in UTF-8"),
        ("${file:long}", "${file:long} is larger than 65,536 bytes"),
        ("${file:nul}", "${file:nul} is not text"),
        ("${BROKEN}", "${BROKEN} is not text"),
    ],
)
def test_a_variable_without_a_usable_value_is_told_with_the_remedy(world: World, written: str, told: str) -> None:
    world.write("binary", b"\xff\xfe")
    world.write("long", b"x" * 70_000)
    world.write("nul", b"a\0b")
    world.environ["BROKEN"] = "a\udcff"
    assert told in _key_problem(world, written)


def test_variables_do_not_make_a_configuration_endless(world: World) -> None:
    world.environ["BIG"] = "x" * 60_000
    (problem,) = world.source_problems(where="'" + "${BIG}" * 20 + "'")
    assert "makes the configuration larger than 1,000,000 characters" in problem


@pytest.mark.parametrize("bad", ["h4s space", "l1ne\nbreak", "ümlaut", ""])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(world: World, bad: str) -> None:
    world.environ["VOCATECH_API_KEY"] = bad
    problem = _key_problem(world, "${VOCATECH_API_KEY}")
    assert not bad or bad[:3] not in problem


def test_a_key_written_into_the_file_is_not_shown_either(world: World) -> None:
    assert SECRET not in _key_problem(world, f"{SECRET} x")
    assert SECRET not in _key_problem(world, f"[{SECRET}]")


@pytest.mark.parametrize(
    "keys",
    [
        {"options": "{path: t, greeting: 'rude ${S}'}"},
        {"options": "{path: t, greeting: '${R}'}"},
        {"options": "{path: t, delimiter: '${S}'}"},
        {"options": "{path: t, skip: '${S}'}"},
        {"connector": "${S}"},
        {"mode": "${S}"},
        {"timeout": "${S}"},
        {"schedule": "${S} ${S} ${S} ${S} ${S}"},
        {"schedule": "{cron: '${S}', timezone: '${S}'}"},
        {"phones": "{region: '${S}'}"},
        {"deletes": "{at_most: {count: '${S}', share: '${S}'}, grace: '${S}'}"},
        {"mapping": "{A: '{${S}} {', B: {from: b, case: '${S}'}}"},
        {"canaries": "[['${S}', b]]"},
    ],
)
def test_no_error_shows_what_a_variable_holds(world: World, keys: dict[str, Any]) -> None:
    world.environ |= {"S": SECRET, "R": f"rude '{SECRET}'\\"}
    found = world.source_problems(**keys)
    assert found
    assert not [problem for problem in found if SECRET in problem]


def test_no_error_of_target_shows_what_a_variable_holds(world: World) -> None:
    world.environ["S"] = SECRET
    keys = ("base_url: http://${S}.example.com/", "limits: ['${S}']", "in_flight: ${S}", "timeout: ${S}")
    found = world.problems(world.one_source().replace("target:\n", "target:\n" + "".join(f"  {key}\n" for key in keys)))
    assert len(found) == len(keys)
    assert not [problem for problem in found if SECRET in problem]


def test_settings_do_not_show_their_secrets(world: World) -> None:
    settings = world.load(world.one_source(options="{path: t, password: k-5550100}"))
    assert "5550100" not in repr(settings)
    assert "5550100" not in str(settings.target.model_dump())
    assert "5550100" not in settings.target.model_dump_json()


def test_a_secret_is_shown_only_on_demand() -> None:
    secret = Secret(SECRET)
    assert secret.reveal() == SECRET
    assert SECRET not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret(SECRET) == copy.deepcopy(secret) != Secret("other")
    assert len({secret, Secret(SECRET)}) == 1
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_target_can_be_made_of_values_that_are_read_already() -> None:
    target = Target(api_key=Secret(SECRET), base_url="http://127.0.0.1:8900/v1", limits=(), timeout=1.5)
    assert (target.api_key.reveal(), target.limits, target.timeout) == (SECRET, (), 1.5)


@settings(deadline=None)
@given(value=st.text(min_size=1), before=st.text(), after=st.text())
def test_what_was_filled_in_is_hidden_wherever_a_message_repeats_it(
    tmp_path_factory: pytest.TempPathFactory, value: Any, before: str, after: str
) -> None:
    variables = Variables({"NAME": value})
    variables.seen[value] = "${NAME}"
    assert "${NAME}" in variables.hide(f"{before}{value}{after}")
