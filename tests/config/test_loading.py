"""Where the configuration is found, and what it becomes with its defaults."""

import subprocess
import sys
from pathlib import Path

import pytest

from syncd.budget import Window
from syncd.config import Secret, Settings, find, load
from syncd.core.settings.schedules import Cron
from syncd.errors import ConfigError
from tests.worlds.config_world import World

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "syncd.yaml"


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
