"""Who is forgotten in tests, and a look for what is left of them."""

from __future__ import annotations

from pathlib import Path

ANN = ("1", "Ann Withername", "2125550101")
BOB = ("2", "Bob Otherman", "2125550102;7185550102")
CY = ("3", "Cy Thirdly", "2125550103")


def left_in_files(folder: Path, *texts: str) -> dict[str, list[str]]:
    """Return the files of the state that hold some of the texts, and which."""
    files = [path for path in folder.iterdir() if path.name.startswith(("syncd.db", "syncd.forgotten"))]
    assert files
    held = {path.name: [text for text in texts if text.encode() in path.read_bytes()] for path in files}
    return {name: found for name, found in held.items() if found}
