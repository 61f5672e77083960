"""A configuration as a whole: where it is found, what it becomes, how its errors read."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syncd.budget import Window
from syncd.config import Secret, Settings, find, load
from syncd.core.rules import AllOf, Column, First, Rule, Sql, Template, Value
from syncd.core.schedules import Cron, Every
from syncd.errors import ConfigError
from tests.shell.config_world import SOURCE, TARGET, World, csv_options

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "syncd.yaml"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_the_file_named_on_the_command_line_is_taken_before_all_others(tmp_path: Path) -> None:
    named = tmp_path / "a.yaml"
    named.touch()
    assert find(named, {"SYNCD_CONFIG": str(tmp_path / "b.yaml")}) == named


def test_the_environment_names_the_file_when_the_command_line_does_not(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").touch()
    assert find(None, {"SYNCD_CONFIG": str(tmp_path / "b.yaml")}) == tmp_path / "b.yaml"


def test_the_file_in_the_working_folder_is_found_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "syncd.yaml").touch()
    assert find(None, {}) == Path("syncd.yaml")


def test_when_there_is_no_file_the_error_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.config.PLACES", (tmp_path / "here.yaml", tmp_path / "there.yaml"))
    with pytest.raises(ConfigError, match=r"here\.yaml and .*there\.yaml; name one by --config"):
        find(None, {})


@pytest.mark.parametrize("by", ["--config", "SYNCD_CONFIG"])
def test_a_named_file_that_is_not_there_is_an_error_and_no_other_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "syncd.yaml").touch()
    path, environ = (tmp_path, {}) if by == "--config" else (None, {by: "nowhere.yaml"})
    with pytest.raises(ConfigError, match=by):
        find(path, environ)


def test_a_named_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder; --config names a file"):
        find(tmp_path, {})


def test_the_example_loads_as_it_is() -> None:
    settings = load(EXAMPLE, {"VOCATECH_API_KEY": "k-5550100"})
    source = settings.sources["tenants"]
    assert settings.state == EXAMPLE.parent / "syncd.db"
    assert source.rules.key == ("tenant_id",)
    assert list(source.rules.mapping) == ["External ID", "Contact", "Company", "Phone", "Email", "Portal"]
    assert source.where_is("mapping", "Phone").startswith(f"{EXAMPLE.parent}/sources/tenants.yaml:")


def test_the_example_shows_every_default_as_it_is(world: World) -> None:
    example = load(EXAMPLE, {"VOCATECH_API_KEY": "k-5550100"})
    bare = world.load(world.one_source())
    assert example.target == bare.target.model_copy(update={"api_key": Secret("k-5550100")})
    assert (example.workers, example.sources["tenants"].gates) == (bare.workers, bare.sources["tenants"].gates)
    assert example.sources["tenants"].timeout == bare.sources["tenants"].timeout


def test_a_small_configuration_has_the_defaults(world: World) -> None:
    settings = world.load(world.one_source())
    assert settings.target.base_url == "https://api.vocatech.com/v1"
    assert settings.target.limits == (Window(60, 60.0), Window(1000, 3600.0), Window(20000, 86400.0))
    assert (settings.target.in_flight, settings.target.timeout, settings.workers) == (4, 60.0, 2)
    assert settings.path == world.folder / "syncd.yaml"
    assert settings.state == world.folder / "syncd.db"
    source = settings.sources["tenants"]
    assert (source.schedule, source.timeout, source.shared_match, source.gates.mode) == (
        None,
        1800.0,
        "first",
        "mirror",
    )
    assert (source.gates.deletes.count, source.gates.deletes.share, source.gates.deletes.free) == (500, 0.2, 5)


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("tenant_id", Rule(Column("tenant_id"))),
        ("12", Rule(Column("12"))),
        ("no", Rule(Column("no"))),
        ('"{first} {last}"', Rule(Template("{first} {last}"))),
        ('"{{{a}}}"', Rule(Template("{{{a}}}"))),
        ("'a{b'", Rule(Column("a{b"))),
        ("[a, 7]", Rule(AllOf(("a", "7")))),
        ("{first: [a, b], default: Unknown}", Rule(First(("a", "b")), default="Unknown")),
        ("{first: a}", Rule(First(("a",)))),
        ("{value: Tenant}", Rule(Value("Tenant"))),
        ('{value: ""}', Rule(Value(""))),
        ("{value: 2024-01-01}", Rule(Value("2024-01-01"))),
        ("{sql: \"upper(a) || '-'\"}", Rule(Sql("upper(a) || '-'"))),
        ("{from: a, trim: no, case: upper}", Rule(Column("a"), trim=False, case="upper")),
        ("{from: a, map: {true: 1, no: Inactive}}", Rule(Column("a"), translate={"true": "1", "no": "Inactive"})),
        ('{from: "{a}-{b}", max_length: 9, empty: keep}', Rule(Template("{a}-{b}"), max_length=9, empty="keep")),
        ("{from: [a, b], empty: reject}", Rule(AllOf(("a", "b")), empty="reject")),
    ],
)
def test_a_mapping_rule_is_read_from_each_of_its_forms(world: World, written: str, rule: Any) -> None:
    assert world.source(mapping=f"{{X: {written}}}").rules.mapping == {"X": rule}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{first: [a], value: b}", "must have one of first, from, value, sql, and has 2"),
        ("{default: b}", "must have one of first, from, value, sql, and has none"),
        ("{frst: [a]}", "X.frst: is not a key here (did you mean 'first'?); there are: first, from, value"),
        ("[]", "must not be empty: at least 1 is needed"),
        ('"{a"', ""),
        ('"{a} {b"', "'{a} {b' has a brace without its partner"),
        ('"{} b"', "has a brace without its partner, or nothing in it"),
        ('""', "is empty: write a text, or leave the key out"),
        ("true", "'true' is not text here: put it in quotes"),
        ("1.50", "'1.5' is not text here: put it in quotes"),
        ("{first_name}", 'X.first_name: has no value: write one; a template is put in quotes ("{column}")'),
        (
            "{from: a, case: Upper}",
            "'Upper' is not known here (did you mean 'upper'?); write one of: upper, lower, title",
        ),
        ("{from: a, max_length: 0}", "X.max_length: must be at least 1"),
        ("{from: a, max_length: true}", "'true' is not a number, which is expected here"),
        ("{from: a, map: [a]}", "X.map: must be keys and values (key: value), and is a list"),
        ("{from: a, trim: maybe}", "X.trim: must be true or false, and is text"),
        ("{sql: [a]}", "X.sql: must be text, and is a list"),
    ],
)
def test_a_mapping_rule_that_is_wrong_is_told_in_one_line(world: World, written: str, told: str) -> None:
    found = world.source_problems(mapping=f"{{X: {written}}}")
    assert len(found) == bool(told)
    assert all(problem.startswith("syncd.yaml:8: sources.tenants.mapping.X") and told in problem for problem in found)


def test_everything_of_a_source_reaches_its_rules_and_gates(world: World) -> None:
    source = world.source(
        key="[building, 2]",
        where='"a > 1"',
        require="Phone",
        phones="{region: {column: country, default: gb}, invalid: drop}",
        mode="upsert",
        shared_match="merge_phones",
        deletes="{at_most: {count: 7, share: 12.5%, free: 0}, grace: 1d, adopted: true}",
        updates="{at_most: {share: 0.25}}",
        canaries="[[7, 100042]]",
        timeout="90",
        schedule="1h30m",
    )
    rules, gates = source.rules, source.gates
    assert (rules.key, rules.where, rules.require) == (("building", "2"), "a > 1", ("Phone",))
    assert (rules.phones.region, rules.phones.region_column, rules.phones.invalid) == ("GB", "country", "drop")
    assert (gates.mode, source.shared_match, gates.updates_share) == ("upsert", "merge_phones", 0.25)
    assert (gates.deletes.count, gates.deletes.share, gates.deletes.free) == (7, 0.125, 0)
    assert (gates.deletes.grace, gates.deletes.adopted, gates.canaries) == (86400.0, True, ("7\x1f100042",))
    assert (source.timeout, source.schedule) == (90.0, Every(5400.0))


@pytest.mark.parametrize(
    ("key", "written", "told"),
    [
        ("mode", "miror", "'miror' is not known here (did you mean 'mirror'?)"),
        ("requires", "[Phone]", "is not a key here (did you mean 'require'?)"),
        (
            "require",
            "[Fone]",
            "require[0]: 'Fone' is not mapped, so every contact would lack it (did you mean 'Phone'?)",
        ),
        ("canaries", "[[1, 2]]", "canaries[0]: has 2 parts, and the key has 1 columns"),
        (
            "canaries",
            "[007]",
            'canaries[0]: is written 007, which YAML may read as another number: put it in quotes ("007")',
        ),
        ("key", "true", "'true' is not text here: put it in quotes"),
        ("key", "[]", "must not be empty: at least 1 is needed"),
        ("timeout", "15x", "'15x' is not a duration: write 30s, 15m, 1h30m"),
        ("timeout", "0s", "'0s' is no time at all"),
        ("schedule", "often", "'often' is not a schedule: write 15m, or five cron fields"),
        ("schedule", "{cron: 0 7 * * *, timezone: Amerika/New_York}", "(did you mean 'America/New_York'?)"),
        (
            "phones",
            "{region: UK}",
            "'UK' is not a region: write a two-letter country code such as US or DE (did you mean 'GB'?)",
        ),
        ("phones", "{region: [US]}", "phones.region: has not the right form"),
        ("deletes", "{at_most: {share: 20}}", "'20' is more than the whole: write a percentage such as 20%"),
        ("deletes", "{at_most: {count: many}}", "deletes.at_most.count: must be a whole number, and is text"),
        ("deletes", "{at_most: 500}", "deletes.at_most: must be keys and values (key: value), and is a number"),
        ("connector", "cvs", "no connector is called 'cvs'; there are: csv (did you mean 'csv'?)"),
        (
            "options",
            "{pth: t.csv, path: t.csv}",
            "options.pth: is not a key here (did you mean 'path'?); there are: path",
        ),
        ("options", "{}", "options.path: is missing, and is required"),
        ("options", "{path: t.csv, delimiter: tabs}", "'tabs' is not known here (did you mean 'tab'?)"),
        ("options", "{path: t.csv, greeting: 12}", "options.greeting: must be text, and is a number: put it in quotes"),
        ("options", "{path: t.csv, greeting: rude}", "options.greeting: 'rude' is not polite"),
        ("options", "{path: ~nobody-of-this-name/t.csv}", "no home folder is known"),
        ("mapping", "{}", "must not be empty: at least 1 is needed"),
        ("mapping", "", "mapping: has no value: write one, or leave the key out"),
    ],
)
def test_a_wrong_key_is_told_in_one_line_with_its_place_and_remedy(
    world: World, key: str, written: str, told: str
) -> None:
    (problem,) = world.source_problems(**{key: written})
    assert problem.startswith("syncd.yaml:")
    assert f"sources.tenants.{key}" in problem
    assert told in problem


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://api.example.com/v1", "would send the API key in clear: write https://"),
        ("http://localhost.example.com", "would send the API key in clear"),
        ("ftp://example.com", "is not an address: write https://HOST/PATH"),
        ("api.example.com", "is not an address"),
        ("https://u:p@example.com", "without user, query or fragment"),
        ("https://example.com/v1?a=b", "without user, query or fragment"),
        ("https://[::1", "is not an address"),
        ("https://example.com:99999", "is not an address"),
        ('"https://exa mple.com"', "is not an address"),
    ],
)
def test_an_address_that_a_key_should_not_travel_to_is_refused(world: World, url: str, told: str) -> None:
    text = world.one_source().replace("target:\n", f"target:\n  base_url: {url}\n")
    (problem,) = world.problems(text)
    assert problem.startswith("syncd.yaml:2: target.base_url: ")
    assert told in problem


def test_an_option_that_is_missing_is_missing_in_the_options(world: World) -> None:
    text = world.one_source().replace("    options: {path: t.csv}\n", "")
    assert world.problems(text) == ["syncd.yaml:4: sources.tenants.options.path: is missing, and is required"]
    for empty in ("{}", "{skip: 1}"):
        (problem,) = world.source_problems(options=empty)
        assert problem.endswith("sources.tenants.options.path: is missing, and is required")


def test_options_under_a_wrong_name_are_told_once(world: World) -> None:
    (problem,) = world.problems(world.one_source().replace("options:", "option:"))
    assert "sources.tenants.option: is not a key here (did you mean 'options'?)" in problem


@pytest.mark.parametrize(
    "url",
    [
        "http://bob:sekret@127.0.0.1:1/v1",
        "https://example.com/v1?token=sekret",
        "https://example.com/v1#sekret",
        "http://sekret.example.com",
        "ftp://bob:sekret@example.com",
        "https://bob:sekret@[::1",
    ],
)
def test_a_password_or_token_in_an_address_that_is_refused_is_not_shown(world: World, url: str) -> None:
    (problem,) = world.problems(world.one_source().replace("target:\n", f'target:\n  base_url: "{url}"\n'))
    assert problem.startswith("syncd.yaml:2: target.base_url: ")
    assert "sekret" not in problem


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8900/v1", "http://localhost:8900", "http://[::1]:1/v1", "https://example.com/v1/"]
)
def test_an_address_of_this_machine_may_be_plain(world: World, url: str) -> None:
    text = world.one_source().replace("target:\n", f'target:\n  base_url: "{url}"\n')
    assert world.load(text).target.base_url == url.rstrip("/")


def test_every_problem_of_every_file_is_told_at_once_in_the_order_of_files_and_lines(world: World) -> None:
    world.write("sources/a.yaml", SOURCE.replace("key:", "kee:"))
    world.write("sources/b.yaml", SOURCE.replace("csv\n", "cvs\n", 1) + "workers: 3\n")
    found = world.problems("worker: 3\ninclude: [sources/*.yaml]\ntarget: {in_flight: 0}\n")
    assert [problem.partition(": ")[0] for problem in found] == [
        "syncd.yaml:1",
        "syncd.yaml:3",
        "syncd.yaml:3",
        "sources/a.yaml:1",
        "sources/a.yaml:3",
        "sources/b.yaml:1",
        "sources/b.yaml:6",
    ]
    assert "worker: is not a key here (did you mean 'workers'?)" in found[0]


def test_nobody_is_told_thousands_of_problems(world: World) -> None:
    found = world.problems(world.one_source() + "\n" + "\n".join(f"key{number}: 1" for number in range(5000)))
    assert len(found) == 201
    assert found[-1] == "there are more problems: correct these first"


def test_an_included_file_is_a_source_named_after_the_file(world: World) -> None:
    world.write("sources/tenants.yaml", SOURCE)
    world.write("sources/staff.yaml", SOURCE)
    settings = world.load(TARGET + "include: [sources/*.yaml]\n")
    assert list(settings.sources) == ["staff", "tenants"]
    assert csv_options(settings.sources["staff"]).path == world.folder / "sources" / "tenants.csv"
    assert (
        settings.sources["staff"].where_is("mapping", "Phone") == f"{world.folder}/sources/staff.yaml:5: mapping.Phone"
    )
    assert settings.sources["staff"].where_is("schedule") == f"{world.folder}/sources/staff.yaml:1: schedule"


def test_sources_keep_the_order_of_the_configuration(world: World) -> None:
    for name in ("m.yaml", "z/b.yaml", "z/a.yaml"):
        world.write(name, SOURCE)
    inline = "sources: {y: {connector: csv, options: {path: p}, key: k, mapping: {A: a}}}\n"
    settings = world.load(TARGET + inline + "include: [z/*.yaml, m.yaml]\n")
    assert list(settings.sources) == ["y", "a", "b", "m"]
    assert settings.sources["y"].where_is("mapping", "A") == f"{world.folder}/syncd.yaml:3: sources.y.mapping.A"


def test_a_pattern_that_matches_the_configuration_itself_leaves_it_out(world: World) -> None:
    world.write("tenants.yaml", SOURCE)
    assert list(world.load(TARGET + 'include: "*.yaml"\n').sources) == ["tenants"]


def test_a_source_defined_twice_names_both_places(world: World) -> None:
    world.write("sources/tenants.yaml", SOURCE)
    (problem,) = world.problems(world.one_source() + "\ninclude: sources/*.yaml\n")
    assert problem == (
        "sources/tenants.yaml:1: a second source is called 'tenants'; the first stands in "
        f"{world.folder}/syncd.yaml:4: sources.tenants: rename one of them"
    ).replace(f"{world.folder}/", "")


def test_a_file_that_is_included_and_not_there_is_told_where_it_is_named(world: World) -> None:
    (problem,) = world.problems(TARGET + "include:\n  - ${VOCATECH_API_KEY}/none.yaml\n")
    assert problem.startswith("syncd.yaml:4: include[0]: there is no file '${VOCATECH_API_KEY}/none.yaml' in ")


def test_a_configuration_without_a_source_is_refused(world: World) -> None:
    (problem,) = world.problems(TARGET + "include: [sources/*.yaml]\n")
    assert "there is no source: add one under sources, or a file that include matches" in problem


@pytest.mark.parametrize("name", ["a b", "-rf", "ä", "a/b"])
def test_a_source_has_a_name_that_a_command_can_take(world: World, name: str) -> None:
    (problem,) = world.problems(world.one_source().replace("tenants:", f'"{name}":'))
    assert "is no name for a source" in problem


def test_a_connector_that_cannot_be_loaded_is_a_problem_of_the_configuration(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.source.CONNECTORS", {"csv": "tests.shell.no_such_module:X"})
    (problem,) = world.source_problems()
    assert "sources.tenants.connector: the connector 'csv' cannot be loaded: ModuleNotFoundError" in problem


def test_the_digest_changes_with_what_decides_which_contacts_come_out(world: World) -> None:
    before = world.source().digest
    assert before == world.source(timeout="5s", schedule="15m", canaries="[1]", deletes="{grace: 1d}").digest
    changed = [
        {"options": "{path: other.csv}"},
        {"key": "other"},
        {"mapping": "{Phone: {value: mobile}}"},
        {"mapping": "{Phone: '{mobile}'}"},
        {"mapping": "{Phone: {value: '{mobile}'}}"},
        {"where": "a = 1"},
        {"phones": "{invalid: drop}"},
        {"mode": "upsert"},
        {"shared_match": "hold"},
    ]
    digests = [world.source(**keys).digest for keys in changed]
    assert len({before, *digests}) == len(changed) + 1


def test_the_digest_knows_no_secret(world: World) -> None:
    digests = {world.source(options=f"{{path: t, password: {word}}}").digest for word in ("one", "two")}
    assert len(digests) == 1


def test_the_digest_is_the_same_in_every_process(world: World) -> None:
    world.write("syncd.yaml", world.one_source(options="{path: /t.csv, columns: [a, b, c, d, e, f, g, h]}"))
    code = (
        "import sys, pathlib, syncd.source as source; from syncd.config import load; "
        "source.CONNECTORS = {'csv': 'tests.shell.config_world:FakeCsv'}; "
        "print(load(pathlib.Path(sys.argv[1]), {'VOCATECH_API_KEY': 'k'}).sources['tenants'].digest)"
    )
    command = [sys.executable, "-c", code, str(world.folder / "syncd.yaml")]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONHASHSEED": seed})
        for seed in "12"
    ]
    assert len({run.stdout for run in runs}) == 1


def test_a_cron_schedule_carries_its_time_zone(world: World) -> None:
    written = '{cron: "*/15 7-19 * * 1-5", timezone: America/New_York}'
    assert world.source(schedule=written).schedule == Cron("*/15 7-19 * * mon,tue,wed,thu,fri", "America/New_York")


def test_settings_do_not_change(world: World) -> None:
    settings = world.load(world.one_source())
    for value, name in [(settings, "workers"), (settings.target, "timeout"), (settings.sources["tenants"], "name")]:
        with pytest.raises((AttributeError, ValueError)):
            setattr(value, name, 1)
    assert isinstance(settings, Settings)


def test_importing_the_configuration_loads_nothing_slow() -> None:
    slow = "polars phonenumbers apscheduler httpx sqlmodel connectors"
    code = f"import sys, syncd.config; print([m for m in {slow!r}.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
