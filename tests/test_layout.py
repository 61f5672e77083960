"""The shape of the code: how long files and functions are, how full folders are, and what tests import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CODE = ("syncd", "connectors")

LONGEST_FILE = 350
LONGEST_FUNCTION = 40
LONG_FUNCTIONS = 0.005
"""The share of functions that can be longer than ``LONGEST_FUNCTION`` lines."""
FILES_IN_A_FOLDER = 20
FILES_IN_SYNCD = 18


def python_files(root: Path, *folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def too_long(root: Path) -> set[str]:
    """Return the files under ``tests``, ``syncd`` and ``connectors`` with more than ``LONGEST_FILE`` lines."""
    files = python_files(root, "tests", *CODE)
    return {place(path, root) for path in files if len(path.read_text().splitlines()) > LONGEST_FILE}


def folders_too_full(root: Path) -> dict[str, int]:
    """Return each folder of the code with too many files; files of other kinds than Python count too."""
    found = {}
    for folder in {path.parent for path in python_files(root, *CODE)}:
        limit = FILES_IN_SYNCD if folder == root / "syncd" else FILES_IN_A_FOLDER
        count = sum(path.is_file() for path in folder.iterdir())
        if count > limit:
            found[place(folder, root)] = count
    return found


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def functions(root: Path) -> Iterator[tuple[str, int]]:
    """Yield the place and the number of lines of each function of the code, also of methods and inner functions.

    The docstring counts; decorators do not.
    """
    for path in python_files(root, *CODE):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{place(path, root)}:{node.lineno} {node.name}", lines_of(node)


def long_functions(root: Path) -> list[str]:
    """Return the functions that are too long; [] if they are at most the share ``LONG_FUNCTIONS`` of all functions."""
    found = list(functions(root))
    long = [name for name, lines in found if lines > LONGEST_FUNCTION]
    return long if len(long) > LONG_FUNCTIONS * len(found) else []


def imported(path: Path) -> Iterator[str]:
    """Yield each module and name that a file imports, also within functions; relative imports without their dots."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{node.module}." if node.module else ""
            yield from (f"{module}{alias.name}" for alias in node.names)


def leading_into_tests(names: Iterable[str]) -> list[str]:
    """Return the names that lead into a test module. ``from pytest import test_x`` counts too: nobody needs it."""
    return [name for name in names if any(part.startswith("test_") for part in name.split("."))]


def test_no_test_module_imports_another_test_module() -> None:
    files = python_files(ROOT, "tests")
    assert len(files) > 150
    found = {place(path, ROOT): leading_into_tests(imported(path)) for path in files}
    assert not {path: names for path, names in found.items() if names}


def test_no_file_is_too_long() -> None:
    assert too_long(ROOT) == set()


def test_no_folder_is_too_full() -> None:
    assert folders_too_full(ROOT) == {}


def test_hardly_any_function_is_too_long() -> None:
    assert long_functions(ROOT) == []


# Each check can fail.


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_import_from_a_test_module_is_found_wherever_it_is(tmp_path: Path) -> None:
    lines = [
        "from tests.worlds.world import World",
        "from tests.state.test_ledger import change",
        "from tests.state import test_place",
        "def late():",
        "    import tests.rest.test_client",
        "    from . import test_near",
        "    from .test_far import x",
    ]
    bad = written(tmp_path / "test_bad.py", "\n".join(lines))
    assert leading_into_tests(imported(bad)) == [
        "tests.state.test_ledger.change",
        "tests.state.test_place",
        "tests.rest.test_client",
        "test_near",
        "test_far.x",
    ]


def test_a_file_that_is_too_long_is_found(tmp_path: Path) -> None:
    for folder in ("tests", *CODE):
        written(tmp_path / folder / "deep" / "long.py", "x = 1\n" * (LONGEST_FILE + 1))
        written(tmp_path / folder / "deep" / "short.py", "x = 1\n" * LONGEST_FILE)
    assert too_long(tmp_path) == {"tests/deep/long.py", "syncd/deep/long.py", "connectors/deep/long.py"}


def test_a_folder_that_is_too_full_is_found(tmp_path: Path) -> None:
    for folder, count in (("syncd", FILES_IN_SYNCD), ("syncd/core", FILES_IN_A_FOLDER), ("connectors", 3)):
        for number in range(count):
            written(tmp_path / folder / f"m{number}.py", "")
    assert folders_too_full(tmp_path) == {}
    written(tmp_path / "syncd" / "more.typed", "")
    written(tmp_path / "syncd" / "core" / "more.py", "")
    assert folders_too_full(tmp_path) == {"syncd": FILES_IN_SYNCD + 1, "syncd/core": FILES_IN_A_FOLDER + 1}


def test_functions_that_are_too_long_are_found(tmp_path: Path) -> None:
    body = "        x = 1\n"
    written(tmp_path / "syncd" / "short.py", ("def short():\n" + body * (LONGEST_FUNCTION - 1)) * 399)
    written(tmp_path / "syncd" / "one.py", "async def one():\n" + body * LONGEST_FUNCTION)
    assert long_functions(tmp_path) == []
    text = '        """Short."""\n'
    written(tmp_path / "connectors" / "told.py", "def told():\n" + text + body * (LONGEST_FUNCTION - 2))
    written(tmp_path / "connectors" / "two.py", "class C:\n    def two(self):\n" + body * LONGEST_FUNCTION)
    assert long_functions(tmp_path) == []
    written(tmp_path / "connectors" / "three.py", "def three():\n" + body * LONGEST_FUNCTION)
    assert [name.partition(" ")[2] for name in long_functions(tmp_path)] == ["three", "two", "one"]
