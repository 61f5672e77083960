"""What the ledger holds of sources that the configuration does not name, asked so that the plain library can, too.

``?1`` is a JSON list of the sources that are configured. A contact that one of them holds as well is that one's.
"""

from __future__ import annotations

_OTHERS = (
    "WITH RECURSIVE known (name) AS (SELECT min(source) FROM contact UNION ALL"
    " SELECT (SELECT min(source) FROM contact WHERE source > known.name) FROM known WHERE known.name IS NOT NULL),"
    " other (name) AS (SELECT name FROM known WHERE name IS NOT NULL"
    " AND name NOT IN (SELECT value FROM json_each(?1)))"
)
"""The names leap from one to the next: to look at each of a million contacts takes longer than a small run."""

_THEIRS = (
    "FROM other CROSS JOIN contact ON contact.source = other.name WHERE contact.remote_id IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM contact AS holder WHERE holder.remote_id = contact.remote_id"
    " AND holder.source IN (SELECT value FROM json_each(?1)))"
)

NAMED = f"{_OTHERS} SELECT name FROM other"
COUNTED = f"{_OTHERS} SELECT contact.source, count(*) AS number {_THEIRS} GROUP BY contact.source ORDER BY 1"
IDS = f"{_OTHERS} SELECT DISTINCT contact.remote_id {_THEIRS}"
