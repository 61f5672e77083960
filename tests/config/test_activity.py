"""The key ``activity``, and the three kinds of request windows of ``target``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.budget import Window
from syncd.config import Settings, json_schema
from syncd.config.activity import Activity
from tests.worlds.config_world import World

DAY = 86_400.0
SECRET = "whsec-5550100"


def written(activity: Any, **target: Any) -> str:
    """Return a whole configuration with ``activity``, and more keys of ``target``."""
    more = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in target.items())
    source = "sources: {tenants: {connector: csv, options: {path: t.csv}, key: id, mapping: {Phone: mobile}}}\n"
    return f"target:\n  api_key: k-5550100\n{more}{source}activity: {json.dumps(activity)}\n"


def loaded(world: World, activity: Any, **target: Any) -> Activity:
    found: Settings = world.load(written(activity, **target))
    assert found.activity
    return found.activity


def test_without_the_key_there_is_no_activity(world: World) -> None:
    assert world.load(World.one_source()).activity is None


def test_an_empty_mapping_has_every_default(world: World) -> None:
    found = loaded(world, {})
    assert (found.store, found.since) == (world.folder / "activity.db", 30 * DAY)
    assert found.pull.model_dump() == {"every": 600.0, "recheck": (3600.0, DAY, 3 * DAY, 7 * DAY), "share": 0.5}
    assert (found.receive, found.only, found.recordings, found.attachments) == (None, None, None, None)
    assert found.keep.model_dump() == {"events": 30 * DAY, "text": 365 * DAY, "activity": None}


def test_media_and_the_receiver_have_defaults_of_their_own(world: World) -> None:
    found = loaded(world, {"recordings": {}, "attachments": {}, "receive": {"secret_file": "webhook.secret"}})
    assert found.recordings
    assert found.attachments
    assert found.receive
    assert found.recordings.model_dump() == {
        "folder": world.folder / "recordings",
        "keep": 90 * DAY,
        "at_most": 50_000_000_000,
        "share": 0.4,
    }
    assert (found.attachments.folder, found.attachments.keep) == (world.folder / "attachments", 365 * DAY)
    assert found.attachments.at_most == 10_000_000_000
    receive = found.receive.model_dump()
    assert receive == {
        "listen": "127.0.0.1:9188",
        "tls": None,
        "url": None,
        "secret_file": world.folder / "webhook.secret",
        "secret": (),
        "name": "syncd",
        "events": ("call.ended", "call.transcription", "message.sent", "message.received", "message.status_updated"),
        "extensions": (),
        "tolerance": 300.0,
    }


def test_every_key_is_read(world: World) -> None:
    found = loaded(
        world,
        {
            "store": "/var/lib/syncd/calls.db",
            "since": "90d",
            "pull": {"every": "2m", "recheck": "1h", "share": "25%"},
            "receive": {
                "listen": "run/hooks.sock",
                "url": "https://hooks.example.com/vocatech/",
                "secret": [SECRET, "other"],
                "events": ["call.started"],
                "extensions": [101, "102"],
            },
            "only": "direction <> 'internal'",
            "recordings": {"folder": "/srv/r", "keep": "forever", "at_most": "2TB", "share": 1},
            "keep": {"events": "forever", "text": "12h", "activity": "730d"},
        },
    )
    assert str(found.store) == "/var/lib/syncd/calls.db"
    assert found.pull.recheck == (3600.0,)
    assert found.receive
    assert found.recordings
    assert found.receive.listen == str(world.folder / "run/hooks.sock")
    assert found.receive.url == "https://hooks.example.com/vocatech/"
    assert [each.reveal() for each in found.receive.secret] == [SECRET, "other"]
    assert found.receive.extensions == ("101", "102")
    assert (found.recordings.keep, found.recordings.at_most) == (None, 2_000_000_000_000)
    assert found.keep.model_dump() == {"events": None, "text": 43_200.0, "activity": 730 * DAY}


GOOD = {"secret_file": "s"}


@pytest.mark.parametrize("listen", ["0.0.0.0:443", "[::]:9188", "10.0.0.5:9188"])
def test_other_machines_may_connect_by_tls_only(world: World, listen: str) -> None:
    tls = {"cert": "c.pem", "key": "k.pem"}
    found = loaded(world, {"receive": {**GOOD, "listen": listen, "tls": tls}}).receive
    assert found
    assert found.tls
    assert (found.listen, found.tls.cert) == (listen, world.folder / "c.pem")
    [problem] = world.problems(written({"receive": {**GOOD, "listen": listen}}))
    assert problem.startswith("syncd.yaml:4: activity.receive.listen: is open to other machines")
    assert "add tls: {cert: FILE, key: FILE}" in problem


@pytest.mark.parametrize(
    ("activity", "told"),
    [
        ({"stor": "x"}, "activity.stor: is not a key here (did you mean 'store'?)"),
        ({"receive": {}}, "activity.receive: has no secret"),
        ({"receive": {}}, "add secret_file: webhook.secret, which `syncd webhook create` writes"),
        ({"receive": {**GOOD, "events": ["call.endet"]}}, "events[0]: 'call.endet' is not known here (did you mean"),
        ({"receive": {**GOOD, "events": []}}, "activity.receive.events: must not be empty"),
        ({"receive": {**GOOD, "url": "http://hooks.example.com/x"}}, "activity.receive.url: is not https"),
        ({"receive": {**GOOD, "url": "https://u:p@h.example.com/x"}}, "activity.receive.url: holds more than an"),
        ({"receive": {**GOOD, "url": "hooks.example.com"}}, "activity.receive.url: is not an address: write https"),
        ({"receive": {**GOOD, "listen": "9188"}}, "activity.receive.listen: '9188' is no place to listen"),
        ({"receive": {**GOOD, "tls": {"cert": "c.pem"}}}, "activity.receive.tls.key: is missing"),
        ({"receive": {"secret": f"{SECRET} x"}}, "activity.receive.secret"),
        ({"receive": {**GOOD, "tolerance": 0}}, "activity.receive.tolerance: '0' is no time at all"),
        ({"pull": {"recheck": ["1d", "1h"]}}, "activity.pull.recheck: must grow from one to the next"),
        ({"pull": {"recheck": ["1d", "1d"]}}, "activity.pull.recheck: must grow from one to the next"),
        ({"pull": {"recheck": []}}, "activity.pull.recheck: must not be empty"),
        ({"pull": {"share": "0%"}}, "activity.pull.share: '0%' is nothing"),
        ({"recordings": {"keep": "always"}}, "activity.recordings.keep: 'always' is not a duration: write 90d, 12h"),
        ({"recordings": {"at_most": "many"}}, "activity.recordings.at_most: 'many' is not a size"),
        ({"recordings": {"at_most": "2000TB"}}, "it must be from 1 byte to 1,048,576 GiB"),
        ({"keep": {"events": "2h"}}, "activity.keep.events: '2h' is too short"),
        ({"keep": {"event": "2d"}}, "activity.keep.event: is not a key here (did you mean 'events'?)"),
        ({"store": "syncd.db"}, "activity.store: is the state file too"),
        ({"store": ["x"]}, "activity.store: must be a path, and is a list"),
        ("yes", "activity: must be keys and values"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_remedy(world: World, activity: Any, told: str) -> None:
    problems = world.problems(written(activity))
    assert len(problems) == 1
    assert told in problems[0]
    assert problems[0].startswith("syncd.yaml:4: activity")
    assert SECRET not in problems[0]


def test_a_dump_shows_no_secret(world: World) -> None:
    found = loaded(world, {"receive": {"secret": SECRET}})
    assert SECRET not in repr(found) + str(found.model_dump_json())


def test_each_tier_has_its_windows(world: World) -> None:
    found = world.load(World.one_source()).target
    assert found.reports == (Window(30, 60.0), Window(500, 3600.0), Window(10_000, DAY))
    assert found.messaging == (Window(5, 600.0),)
    found = world.load(written({}, reports={"share": "50%"}, messaging=["1/1m"])).target
    assert (found.reports[0], found.messaging) == (Window(15, 60.0), (Window(1, 60.0),))
    assert found.limits[0] == Window(60, 60.0)


def test_no_limits_lifts_all_three_tiers(world: World) -> None:
    found = world.load(written({}, limits=[])).target
    assert (found.limits, found.reports, found.messaging) == ((), (), ())
    found = world.load(written({}, limits=[], reports=["9/1m"])).target
    assert (found.reports, found.messaging) == ((Window(9, 60.0),), ())


def test_every_key_has_a_description() -> None:
    schema = json_schema()["$defs"]
    for name in ("Activity", "Pull", "Receive", "Tls", "Recordings", "Attachments", "Keep"):
        parts = schema[name]["properties"]
        # What is a model of its own is described there.
        assert [key for key, part in parts.items() if "description" not in part and "$ref" not in part] == [], name
