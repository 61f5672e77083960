"""The digest of a source changes with its contacts' rules, and with nothing else."""

import subprocess
import sys
from pathlib import Path

from tests.worlds.config_world import World

ROOT = Path(__file__).parents[2]


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
        {"phones": "{shared: first}"},
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
        "source.CONNECTORS = {'csv': 'tests.worlds.config_world:FakeCsv'}; "
        "print(load(pathlib.Path(sys.argv[1]), {'VOCATECH_API_KEY': 'k'}).sources['tenants'].digest)"
    )
    command = [sys.executable, "-c", code, str(world.folder / "syncd.yaml")]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONHASHSEED": seed})
        for seed in "12"
    ]
    assert len({run.stdout for run in runs}) == 1
