"""What every connector must do, as tests. Subclass :class:`ConnectorContract` and give it a world:

class TestMyConnector(ConnectorContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> None:
        return MyWorld(tmp_path)
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

import polars as pl
import pytest
from pydantic import ValidationError

from syncd.errors import SourceError, SourceUnavailable
from syncd.source import Connector, End, Rows

COLUMNS = ("id", "name", "note")

Row = Mapping[str, str]

ANN = {"id": "1", "name": "Ann", "note": "first"}
BOB = {"id": "2", "name": "Bob", "note": ""}
CY = {"id": "3", "name": "Cy", "note": "third"}


class World(Protocol):
    """A source of the columns :data:`COLUMNS` that a test can change, and the connector that reads it."""

    def fill(self, rows: Sequence[Row]) -> None:
        """Make the source hold exactly ``rows``, in this order; ``id`` tells them apart."""

    def meanwhile(self, rows: Sequence[Row]) -> None:
        """Do as :meth:`fill` while a read is under way."""

    def remove(self) -> None:
        """Make the source unavailable, as it may happen to it."""

    def connector(self) -> Connector:
        """A new connector on the source, which reads it in pages of a few rows."""


def drain(connector: Connector, cursor: str | None = None) -> tuple[list[Rows], End]:
    """Read everything: the pages and how it ended."""
    return finish(connector.read(cursor))


def finish(reading: Generator[Rows, None, End]) -> tuple[list[Rows], End]:
    """Read what is left: the pages and how it ended."""
    pages: list[Rows] = []
    while True:
        try:
            pages.append(next(reading))
        except StopIteration as stop:
            return pages, stop.value


def looked_up(connector: Connector, keys: Sequence[str]) -> tuple[list[Rows], frozenset[str]]:
    """Look keys up: the pages, and the keys that are gone."""
    pages: list[Rows] = []
    asking = connector.look_up(keys)
    while True:
        try:
            pages.append(next(asking))
        except StopIteration as stop:
            return pages, stop.value


def rows_of(pages: Sequence[Rows]) -> list[dict[str, str]]:
    """All rows of ``pages``."""
    return [row for page in pages for row in page.frame.to_dicts()]


def is_gone(key: str, end: End) -> bool:
    """Whether the end of a partial read says that the row with this key is gone."""
    return key in end.deleted or (end.present is not None and (key,) not in end.present.rows())


class ConnectorContract:
    """The contract. ``world`` is a fixture that the subclass provides."""

    @pytest.fixture
    def world(self) -> World:
        raise NotImplementedError("a fixture called world makes the source")

    @pytest.fixture
    def many(self) -> list[Row]:
        return [{"id": str(number), "name": f"Name {number}", "note": ""} for number in range(100)]

    def test_check_names_the_columns(self, world: World) -> None:
        world.fill([ANN, BOB])
        assert world.connector().check() == list(COLUMNS)

    def test_a_first_read_yields_every_row_once_and_is_complete(self, world: World, many: list[Row]) -> None:
        world.fill(many)
        pages, end = drain(world.connector())
        assert rows_of(pages) == many
        assert end.proof == "complete"
        assert not end.deleted
        assert not end.merged

    def test_every_value_is_text_as_it_was_written(self, world: World) -> None:
        odd = [
            {"id": "01", "name": "  two  spaces ", "note": 'a "quoted" word'},
            {"id": "1e3", "name": "José Ñandú 山田", "note": "a,b;c|d"},
            {"id": "true", "name": "null", "note": "line one\nline two"},
            {"id": "-", "name": "", "note": "NaN"},
        ]
        world.fill(odd)
        pages, _ = drain(world.connector())
        assert rows_of(pages) == odd
        assert all(dtype == pl.String for page in pages for dtype in page.frame.dtypes)

    def test_every_page_has_the_same_columns_and_a_line_for_each_row(self, world: World, many: list[Row]) -> None:
        world.fill(many)
        pages, _ = drain(world.connector())
        assert len(pages) > 1
        assert {tuple(page.frame.columns) for page in pages} == {COLUMNS}
        assert all(page.lines.dtype == pl.UInt32 and len(page.lines) == page.frame.height for page in pages)
        lines = [(page.origin, line) for page in pages for line in page.lines]
        assert len(set(lines)) == len(many)
        assert all(origin and line >= 1 for origin, line in lines)

    def test_reading_twice_from_the_start_yields_the_same(self, world: World, many: list[Row]) -> None:
        world.fill(many)
        connector = world.connector()
        first, second = drain(connector), drain(connector)
        assert rows_of(first[0]) == rows_of(second[0])
        assert first[1] == second[1]

    def test_a_source_without_rows_is_complete_and_has_its_columns(self, world: World) -> None:
        world.fill([])
        pages, end = drain(world.connector())
        assert [page.frame.shape for page in pages] == [(0, len(COLUMNS))] * len(pages)
        assert pages
        assert pages[0].frame.columns == list(COLUMNS)
        assert end.proof == "complete"
        assert world.connector().check() == list(COLUMNS)

    def test_nothing_new_since_the_cursor_yields_nothing(self, world: World, many: list[Row]) -> None:
        world.fill(many)
        _, first = drain(world.connector())
        assert first.cursor is not None
        pages, end = drain(world.connector(), first.cursor)
        assert rows_of(pages) == []
        assert end.proof in {"unchanged", "partial"}
        assert not end.deleted
        assert end.cursor is not None

    def test_a_change_since_the_cursor_is_read(self, world: World) -> None:
        world.fill([ANN, BOB])
        _, first = drain(world.connector())
        edited = {**BOB, "note": "edited"}
        world.fill([ANN, edited, CY])
        pages, end = drain(world.connector(), first.cursor)
        found = rows_of(pages)
        assert edited in found
        assert CY in found
        assert end.proof in {"complete", "partial"}
        assert end.cursor != first.cursor

    def test_a_row_that_went_is_known_to_be_gone(self, world: World) -> None:
        world.fill([ANN, BOB])
        _, first = drain(world.connector())
        world.fill([ANN])
        pages, end = drain(world.connector(), first.cursor)
        assert BOB not in rows_of(pages)
        assert end.proof == "complete" or is_gone("2", end)

    def test_a_row_that_slips_between_two_pages_is_not_proved_to_be_gone(self, world: World, many: list[Row]) -> None:
        world.fill(many)
        reading = world.connector().read(None)
        first = next(reading)
        went, stay = many[:3], many[3:]
        # As many rows come at the end as go at the front, so that no count shows it.
        world.meanwhile([*stay, *({**row, "id": f"1{row['id']}00"} for row in went)])
        pages, end = finish(reading)
        came = {row["id"] for row in rows_of([first, *pages])}
        lacking = {row["id"] for row in stay} - came
        assert not lacking or end.slips or end.proof == "unproved"

    def test_a_read_that_is_given_up_can_be_begun_again(self, world: World, many: list[Row]) -> None:
        world.fill(many)
        connector = world.connector()
        reading = connector.read(None)
        next(reading)
        reading.close()
        pages, end = drain(connector)
        assert rows_of(pages) == many
        assert end.proof == "complete"

    def test_building_a_connector_opens_nothing(self, world: World) -> None:
        world.fill([ANN])
        world.remove()
        assert world.connector().name

    def test_an_absent_source_is_unavailable_and_never_empty(self, world: World) -> None:
        world.fill([ANN])
        world.remove()
        connector = world.connector()
        with pytest.raises(SourceUnavailable) as checking:
            connector.check()
        with pytest.raises(SourceError) as reading:
            drain(connector)
        assert str(checking.value)
        assert str(reading.value)

    def test_unknown_options_are_refused_and_options_are_frozen(self, world: World) -> None:
        options = world.connector().options
        with pytest.raises(ValidationError, match="no_such_option"):
            type(options)(**{**dict(options), "no_such_option": 1})
        name = next(iter(type(options).model_fields))
        with pytest.raises(ValidationError, match="frozen"):
            setattr(options, name, None)
