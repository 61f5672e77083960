"""Who may have which match value, as tables of worlds."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.claims import FOREIGN, Resolution, may_wait, partial_suffices, resolve
from syncd.core.columns import EXCLUDED, INVALID, KEY, MATCH, REASON, STATE
from syncd.core.settings.rules import SharedMatch


@dataclass(frozen=True)
class World:
    """Claims on seats, written shortly.

    ``wants``: the seat that each contact of the source wants. ``sits``: the seats that keys hold. ``stuck``: keys that
    keep their seats. ``foreign``: source, rank, key, the wanted seat and the held seat of other sources' contacts.
    """

    wants: dict[str, str]
    sits: dict[str, str] = field(default_factory=dict)
    stuck: tuple[str, ...] = ()
    foreign: tuple[tuple[str, int, str, str, str | None], ...] = ()
    groups: dict[str, list[str]] = field(default_factory=dict)
    policy: SharedMatch = "first"
    case_insensitive: bool = False

    def resolved(self) -> Resolution:
        return resolve(
            frame(self.wants, MATCH),
            pl.DataFrame(list(self.foreign), schema=FOREIGN, orient="row"),
            self.policy,
            seats=frame(self.sits, "@seat"),
            stuck=self.stuck,
            groups=self.groups,
            case_insensitive=self.case_insensitive,
        )

    def waiting(self) -> list[str]:
        found = self.resolved().outranked
        return sorted(found.filter(pl.col(STATE) == INVALID).get_column(KEY))


def frame(pairs: dict[str, str], second: str) -> pl.DataFrame:
    return pl.DataFrame(list(pairs.items()), schema={KEY: pl.String, second: pl.String}, orient="row")


WAITING: dict[str, tuple[World, list[str]]] = {
    "nobody wants the same": (World({"a": "1", "b": "2"}), []),
    "the first key gets a shared seat": (World({"b": "1", "a": "1", "c": "2"}), ["b"]),
    "hold gives it to nobody": (World({"a": "1", "b": "1", "c": "2"}, policy="hold"), ["a", "b"]),
    "merging lets nobody wait": (World({"a": "1", "b": "1"}, policy="merge_phones"), []),
    "a swap is granted": (World({"a": "2", "b": "1"}, {"a": "1", "b": "2"}), []),
    "a circle is granted": (World({"a": "2", "b": "3", "c": "1"}, {"a": "1", "b": "2", "c": "3"}), []),
    "a seat that its holder leaves is free": (World({"a": "2", "b": "1"}, {"a": "1"}), []),
    "a stuck contact keeps its seat": (World({"a": "1"}, {"x": "1"}, stuck=("x",)), ["a"]),
    "a stuck contact that wants its own seat is in nobody's way": (World({"x": "1"}, {"x": "1"}, stuck=("x",)), []),
    "who waits keeps its seat": (
        World({"a": "1", "b": "2", "c": "3"}, {"x": "1", "a": "2", "b": "3"}, stuck=("x",)),
        ["a", "b", "c"],
    ),
    "who waits for the first key keeps its seat": (World({"a": "1", "b": "1", "c": "2"}, {"b": "2"}), ["b", "c"]),
    "who waits at its own seat makes room": (World({"a": "1", "b": "1"}, {"b": "1"}), ["b"]),
    "a circle with a stuck contact stands still": (
        World({"a": "2", "b": "3"}, {"a": "1", "b": "2", "c": "3"}, stuck=("c",)),
        ["a", "b"],
    ),
    "an earlier source has its seat": (World({"a": "1"}, foreign=(("s", -1, "k", "1", None),)), ["a"]),
    "a later source makes room": (World({"a": "1"}, foreign=(("s", 1, "k", "1", None),)), []),
    "under hold a later source keeps it from all": (
        World({"a": "1"}, foreign=(("s", 1, "k", "1", None),), policy="hold"),
        ["a"],
    ),
    "under hold another source's contact that moves on makes room": (
        World({"a": "1"}, foreign=(("s", 1, "k", "2", "1"),), policy="hold"),
        [],
    ),
    "under hold another source's contact that cannot move on keeps its seat": (
        World({"a": "1"}, foreign=(("s", 1, "k", "2", "1"), ("t", 2, "l", "2", None)), policy="hold"),
        ["a"],
    ),
    "under hold two sources that exchange seats do not block each other": (
        World({"a": "2"}, {"a": "1"}, foreign=(("s", 1, "k", "1", "2"),), policy="hold"),
        [],
    ),
    "under hold an exchange that a third contact disturbs stands still": (
        World({"a": "2", "b": "1"}, {"a": "1"}, foreign=(("s", 1, "k", "1", "2"),), policy="hold"),
        ["a", "b"],
    ),
    "a merged contact whose member is unusable stays": (
        World({"a": "1"}, {}, stuck=("b",), groups={"1": ["a", "b"]}, policy="merge_phones"),
        ["a"],
    ),
    "a merged contact whose member waits keeps its match value": (
        World(
            {"a": "3", "b": "3", "c": "2"},
            {"a": "1", "b": "1"},
            foreign=(("s", -1, "k", "3", None),),
            groups={"1": ["a", "b"], "2": ["a", "b"]},
            policy="merge_phones",
        ),
        ["a", "b", "c"],
    ),
    "a merged contact keeps the seats of all its members": (
        World({"c": "2"}, {"a": "2"}, stuck=("b",), groups={"1": ["a", "b"]}, policy="merge_phones"),
        ["c"],
    ),
    "an earlier source's seat is no contact to merge into": (
        World({"a": "1", "b": "1"}, foreign=(("s", -1, "k", "1", None),), policy="merge_phones"),
        ["a", "b"],
    ),
    "case counts": (World({"a": "x", "b": "X"}), []),
    "case does not count where the target folds it": (World({"a": "x", "b": "X"}, case_insensitive=True), ["b"]),
    "a stuck seat is compared without case as well": (
        World({"a": "x"}, {"s": "X"}, stuck=("s",), case_insensitive=True),
        ["a"],
    ),
}


@pytest.mark.parametrize(("world", "waiting"), WAITING.values(), ids=WAITING)
def test_a_seat_is_granted_if_it_is_free_or_its_holder_leaves_it(world: World, waiting: list[str]) -> None:
    assert world.waiting() == waiting


REASONS: dict[str, tuple[World, dict[str, str]]] = {
    "of the same source": (World({"a": "1", "b": "1"}), {"b": "shares match fields with a"}),
    "of another source": (
        World({"a": "1"}, foreign=(("before", -1, "z", "1", None),)),
        {"a": "shares match fields with z of source before"},
    ),
    "held: each names another one": (
        World({"a": "1", "b": "1"}, policy="hold"),
        {"a": "shares match fields with b", "b": "shares match fields with a"},
    ),
    "stuck": (
        World({"a": "1"}, {"x": "1"}, stuck=("x",)),
        {"a": "shares match fields with x, whose contact is left as it is"},
    ),
    "merged": (World({"a": "1", "b": "1"}, policy="merge_phones"), {"b": "merged into a"}),
    "a composite key": (World({"a\x1f1": "1", "b\x1f2": "1"}), {"b\x1f2": "shares match fields with a+1"}),
}


@pytest.mark.parametrize(("world", "reasons"), REASONS.values(), ids=REASONS)
def test_a_reason_names_the_contact_that_is_waited_for(world: World, reasons: dict[str, str]) -> None:
    assert dict(world.resolved().outranked.select(KEY, REASON).iter_rows()) == reasons


def test_a_merged_contact_is_excluded_and_names_its_winner() -> None:
    found = World({"a": "1", "b": "1"}, policy="merge_phones").resolved().outranked
    assert found.select(KEY, STATE, "@winner").rows() == [("b", EXCLUDED, "a")]


def test_a_group_with_a_stuck_member_is_kept() -> None:
    groups = {"1": ["a", "b"], "2": ["c", "d"]}
    assert World({}, stuck=("b",), groups=groups, policy="merge_phones").resolved().kept == {"1": ["a", "b"]}


KEYS = st.sampled_from("abcdef")
SEAT_NAMES = st.sampled_from("12345")


@given(
    wants=st.dictionaries(KEYS, SEAT_NAMES),
    places=st.lists(KEYS, unique=True, max_size=5),
    stuck=st.frozensets(KEYS),
    policy=st.sampled_from(["first", "hold"]),
)
def test_no_seat_has_two_contacts_and_no_seat_is_taken_from_who_stays(
    wants: dict[str, str], places: list[str], stuck: frozenset[str], policy: SharedMatch
) -> None:
    sits = {key: str(number) for number, key in enumerate(places, start=1)}
    free = {key: seat for key, seat in wants.items() if key not in stuck}
    waiting = World(free, sits, tuple(stuck), policy=policy).waiting()
    granted = {key: seat for key, seat in free.items() if key not in waiting}
    assert len(set(granted.values())) == len(granted)
    staying = {sits[key]: key for key in sits if key in stuck or (key in waiting and sits[key] != free[key])}
    assert not set(granted.values()) & staying.keys()
    if policy == "first":  # nobody waits without a cause
        for key in waiting:
            seat = free[key]
            assert seat in staying or any(free[other] == seat and other < key for other in free)


@given(st.dictionaries(KEYS, SEAT_NAMES), st.permutations("abcdef"))
def test_the_order_of_the_rows_decides_nothing(wants: dict[str, str], order: list[str]) -> None:
    again = {key: wants[key] for key in order if key in wants}
    assert World(wants).waiting() == World(again).waiting()


def test_whether_anybody_may_wait_is_told_without_a_look_at_single_rows() -> None:
    nobody = pl.DataFrame(schema=FOREIGN)
    contacts, none = frame({"a": "1", "b": "2"}, MATCH), pl.Series("@seat", [], dtype=pl.String)
    assert not may_wait(contacts, nobody, none, case_insensitive=False)
    assert may_wait(contacts, nobody, pl.Series("@seat", ["2"]), case_insensitive=False)
    assert may_wait(frame({"a": "x", "b": "X"}, MATCH), nobody, none, case_insensitive=True)


@pytest.mark.parametrize(
    ("read", "unread", "others", "outranked", "policy", "enough"),
    [
        (["1"], [], [], {}, "first", True),
        (["1"], ["1"], [], {}, "first", False),  # shared with a contact that was not read
        (["x"], ["X"], [], {}, "first", False),  # in any case of letters
        ([], ["1"], [], {"a": "1"}, "first", True),  # the outranked contact still waits for its owner
        ([], [], [], {"a": "1"}, "first", False),  # nobody has its match value any more
        ([], [], ["1"], {"a": "1"}, "first", True),  # a contact of another source has it
        (["1"], [], [], {"a": "1"}, "hold", False),
        ([], [], [], {"a": "1", "b": "1"}, "hold", True),  # both wait for each other
    ],
)
def test_a_partial_read_is_enough_unless_it_touches_a_contact_that_it_lacks(
    read: list[str],
    unread: list[str],
    others: list[str],
    outranked: dict[str, str],
    policy: SharedMatch,
    enough: bool,
) -> None:
    read_, unread_, others_ = (pl.Series(MATCH, each, dtype=pl.String) for each in (read, unread, others))
    assert partial_suffices(read_, unread_, others_, outranked, policy) is enough
