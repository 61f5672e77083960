"""Whatever sources do, in whatever order they run: the target ends with what the policy says of all rows together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import syncd.source
from tests.examples import SOAKING, examples
from tests.worlds.feed import Account, Feed
from tests.worlds.world import FIELDS, TENANTS, World, company

ORDER = ("tenants", "crm", "owners")
NUMBERS = ("2125550101", "2125550102", "2125550103")
COMPANY = [*FIELDS, {"id": 5, "name": "Company", "is_phone": False, "is_match": False, "is_integration": False}]
MAPPING = {"External ID": "ref", "Name": "name", "Phone": ["phone"], "Company": {"value": "Acme"}}

Who = tuple[str, str]


@dataclass
class Model:
    """What the sources say, and what the policy makes of it, computed from nothing but that.

    ``rows``: name and numbers by source and key. ``seen``: the same as each source's last run saw it, and when the
    run first saw it so.
    """

    rows: dict[Who, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    seen: dict[Who, tuple[Any, int]] = field(default_factory=dict)
    assigned: dict[str, Who] = field(default_factory=dict)

    def ran(self, source: str, now: int) -> None:
        """Note that a source ran."""
        for who in [each for each in self.seen if each[0] == source and each not in self.rows]:
            del self.seen[who]
        for who, (name, numbers) in self.rows.items():
            says = (name, frozenset(numbers))
            if who[0] == source and self.seen.get(who, (None, 0))[0] != says:
                self.seen[who] = says, now

    def truth(self, policy: str) -> dict[str, set[str]]:
        """Return the numbers of each contact, by its reference."""
        found = {f"{source}-{key}": set(numbers) for (source, key), (_, numbers) in self.rows.items()}
        for number in NUMBERS if policy != "allow" else ():
            wanting = [who for who, (_, numbers) in self.rows.items() if number in numbers]
            winner = self._winner(number, wanting, policy)
            for source, key in wanting:
                if (source, key) != winner:
                    found[f"{source}-{key}"].discard(number)
        return found

    def _winner(self, number: str, wanting: list[Who], policy: str) -> Who | None:
        if self.assigned.get(number) in wanting:
            return self.assigned[number]
        if policy == "hold" and len(wanting) > 1:
            return None
        return min(wanting, key=lambda who: (self._comes(who, policy), ORDER.index(who[0]), who[1]), default=None)

    def _comes(self, who: Who, policy: str) -> float:
        if policy == "newest":
            return -self.seen[who][1]
        return 0 if policy == "company" and self.rows[who][0] == "Acme" else 1


@dataclass
class Company:
    """The sources of a model as they are read; ``crm`` is read incrementally."""

    world: World
    crm: Account
    model: Model = field(default_factory=Model)
    now: int = 0

    def put(self, who: Who, name: str, numbers: tuple[str, ...]) -> None:
        self.model.rows[who] = name, numbers
        if who[0] == "crm":
            self.crm.put(**{f"k{who[1]}": (f"crm-{who[1]}", name, ";".join(numbers))})

    def drop(self, who: Who) -> None:
        self.model.rows.pop(who, None)
        if who[0] == "crm":
            self.crm.drop(who[1])

    def assign(self, number: str, who: Who) -> None:
        with self.world.state() as state:
            if self.model.assigned.get(number) == who:
                del self.model.assigned[number]
                assert state.shared.release(number, {"Phone"})
            else:
                self.model.assigned[number] = who
                state.shared.assign(number, *who, {"Phone"})

    def set_policy(self, policy: str) -> None:
        for source in self.world.sources.values():
            source["phones"] = {"shared": policy}

    def set_mode(self, source: str, mode: str) -> None:
        self.world.sources[source]["mode"] = mode

    def run(self, source: str, *, backwards: bool = False) -> str:
        """Run the source, and return how it was read."""
        self.now += 1
        self.world.later = 1000.0 * self.now
        if source != "crm":
            mine = [(key, *row) for (name, key), row in self.model.rows.items() if name == source]
            rows = [(key, f"{source}-{key}", name, ";".join(numbers)) for key, name, numbers in sorted(mine)]
            self.world.write(rows[::-1] if backwards else rows, f"{source}.csv", "id,ref,name,phone")
        report = self.world.run(source)
        assert report.error is None
        assert not report.held
        self.model.ran(source, self.now)
        return "unchanged" if report.same_as_before else report.read

    def numbers(self) -> dict[str, set[str]]:
        return {ref: {*filter(None, each.get("Phone", "").split(";"))} for ref, each in self.world.there().items()}


def made(world: World, policy: str) -> Company:
    limits = {"deletes": {"at_most": {"share": "100%", "free": 50}}, "updates": {"at_most": {"share": "100%"}}}
    world.sources.clear()
    for name in ORDER:
        source = json.loads(json.dumps({**TENANTS, "mapping": MAPPING, **limits}))
        feed = {"connector": "feed", "options": {"account": "crm"}}
        world.sources[name] = (
            source | feed if name == "crm" else source | {"options": {"path": f"{name}.csv", "settle": 0}}
        )
    found = Company(world, Feed.ACCOUNTS.setdefault("crm", Account()))
    for name in ORDER:
        # An empty source would have its deletes held.
        found.put((name, "0"), "Zoe", ())
    found.set_policy(policy)
    return found


WHO = st.tuples(st.sampled_from(ORDER), st.sampled_from(["1", "2", "3"]))
WANTS = st.lists(st.sampled_from(NUMBERS), max_size=3, unique=True).map(tuple)
EDITS = st.tuples(st.just("put"), WHO, st.sampled_from(["Acme", "Ann"]), WANTS) | st.tuples(st.just("drop"), WHO)
STEPS = EDITS | EDITS | st.tuples(st.just("run"), st.sampled_from(ORDER), st.booleans())
DECISIONS = st.tuples(st.just("assign"), st.sampled_from(NUMBERS), WHO)


def step(company: Company, what: str, *rest: Any) -> None:
    match what:
        case "put":
            company.put(*rest)
        case "drop":
            company.drop(*rest)
        case "run":
            company.run(rest[0], backwards=rest[1])
        case "assign":
            company.assign(*rest)
        case "policy":
            company.set_policy(*rest)
        case "mode":
            company.set_mode(*rest)


def converged(company: Company, policy: str, orders: Iterable[tuple[str, ...]]) -> None:
    """Run all sources twice and compare with the truth; a further round sends nothing."""
    for order in orders:
        for source in order:
            company.run(source)
    assert company.numbers() == company.model.truth(policy)
    before = company.world.writes()
    for source in ORDER:
        company.run(source)
    assert company.world.writes() == before
    found = {who for name in ORDER for who in left_out(company, name)}
    wanted = {f"{source}-{key}": set(row[1]) for (source, key), row in company.model.rows.items()}
    assert found == {(ref, number) for ref, has in company.model.truth(policy).items() for number in wanted[ref] - has}


def left_out(company: Company, source: str) -> Iterable[tuple[str, str]]:
    with company.world.state() as state:
        return [(f"{source}-{key}", number) for number, key, _ in state.shared.of_source(source).iter_rows()]


KNOBS: Mapping[str, Any] = {
    "max_examples": examples(4, 400),
    "deadline": None,
    "derandomize": not SOAKING,
    "suppress_health_check": list(HealthCheck),
}
ORDERS = st.tuples(st.permutations(ORDER).map(tuple), st.permutations(ORDER).map(tuple))


@pytest.fixture(autouse=True)
def feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})


@settings(**KNOBS)
@given(
    steps=st.lists(STEPS | DECISIONS, min_size=4, max_size=14),
    policy=st.sampled_from(["first", "newest", "company", "hold"]),
    orders=ORDERS,
)
def test_the_target_ends_with_what_the_policy_says_of_all_rows_together(
    steps: list[Any], policy: str, orders: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Feed.ACCOUNTS.clear()
    with company(tmp_path_factory.mktemp("world"), fields=COMPANY) as world:
        found = made(world, policy)
        for each in steps:
            step(found, *each)
        converged(found, policy, orders)


@settings(**KNOBS)
@given(
    steps=st.lists(
        STEPS | st.tuples(st.just("policy"), st.sampled_from(["first", "allow", "hold", "company"])),
        min_size=4,
        max_size=12,
    ),
    policy=st.sampled_from(["first", "company", "hold", "allow"]),
    orders=ORDERS,
)
def test_a_change_of_the_policy_ends_with_what_the_new_one_says(
    steps: list[Any], policy: str, orders: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Feed.ACCOUNTS.clear()
    with company(tmp_path_factory.mktemp("world"), fields=COMPANY) as world:
        found = made(world, "first")
        for each in steps:
            step(found, *each)
        found.set_policy(policy)
        converged(found, policy, orders)


MODES = st.tuples(
    st.just("mode"), st.sampled_from(ORDER), st.sampled_from(["mirror", "upsert", "update_only", "create_only"])
)


@settings(**{**KNOBS, "max_examples": examples(6, 400)})
@given(
    steps=st.lists(STEPS | DECISIONS | MODES, min_size=6, max_size=16),
    policy=st.sampled_from(["first", "newest", "company", "hold"]),
    orders=ORDERS,
)
def test_sources_that_do_not_change_are_soon_not_read_any_more_in_any_mode(
    steps: list[Any], policy: str, orders: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Feed.ACCOUNTS.clear()
    with company(tmp_path_factory.mktemp("world"), fields=COMPANY) as world:
        found = made(world, policy)
        for each in steps:
            step(found, *each)
        for source in (*orders[0], *orders[1], *orders[0]):
            found.run(source)
        with world.state() as state:
            assert {name: state.shared.due(name).to_list() for name in ORDER} == {name: [] for name in ORDER}
        read = {source: found.run(source) for source in orders[1]}
        assert read == {"tenants": "unchanged", "owners": "unchanged", "crm": "partial"}
