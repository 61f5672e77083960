"""A configuration of several files: included sources, their order, and problems in all files at once."""

import pytest

from tests.worlds.config_world import SOURCE, TARGET, World, csv_options


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


@pytest.mark.parametrize("key", ["phones: {shared: first}", "mapping: {Phone: mobile}", "deletes: {at_most: 5}"])
def test_a_key_of_a_source_above_all_sources_is_told_where_it_belongs(world: World, key: str) -> None:
    name = key.partition(":")[0]
    [problem] = world.problems(world.one_source() + f"\n{key}\n")
    place = f"it belongs under each of the sources, as in sources: {{NAME: {{{name}: …}}}}"
    assert f"{name}: is not a key here ({place}); there are: target, " in problem


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


def test_a_policy_that_decides_who_has_a_number_is_the_same_in_all_sources(world: World) -> None:
    world.write("sources/a.yaml", SOURCE + "phones: {shared: first}\n")
    world.write("sources/b.yaml", SOURCE)
    text = TARGET + "include: [sources/*.yaml]\n"
    [problem] = world.problems(text)
    assert problem.startswith("sources/a.yaml:")
    assert "phones.shared: is first, and of the source 'b' it is warn" in problem
    world.write("sources/b.yaml", SOURCE + "phones: {shared: first}\n")
    assert world.problems(text) == []
