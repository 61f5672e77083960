"""The options of the sink ``files``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from syncd.sink import LocalPath, Options


class DayFilesOptions(Options):
    """The ``options`` of a folder of files."""

    folder: LocalPath = Field(
        description="The folder that gets calls/ and messages/; it is made in a folder that is there."
    )
    format: Literal["parquet", "csv", "jsonl"] = Field(default="parquet", description="parquet, csv or jsonl.")
    readers: Literal["owner", "group"] = Field(
        default="owner", description="Who may read the files: syncd's user alone, or also the group of the folder."
    )
