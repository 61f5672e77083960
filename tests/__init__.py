"""The tests. Polars is told here, before it is imported, to be content with one thread: their tables are small."""

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")
