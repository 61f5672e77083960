"""Rows of the source ``tenants``, faults of the target, and what the target holds after a run."""

from __future__ import annotations

from tests.worlds.world import World

ANN = ("1", "Ann Smith", "212-555-0101")
BOB = ("2", "Bob Jones", "(212) 555-0102")
CY = ("3", "Cy Lee", "2125550103")
DEE = ("4", "Dee Diaz", "2125550104")
LOST_POSTS = {"kind": "drop", "method": "POST", "times": None, "done": True}
LOST_DELETES = {**LOST_POSTS, "method": "DELETE"}
POISON = {"kind": "poison", "field": "Name", "value": "Poison"}
MANY = [(str(n), f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)]


def holds(world: World) -> dict[str, tuple[str, str]]:
    return {key: (fields.get("Name", ""), fields.get("Phone", "")) for key, fields in world.there().items()}


ANY_NUMBERS = {"at_most": {"same": "100%", "lost": "100%", "contacts": 1_000_000}}
"""Limits of the gates of numbers that let everything pass."""
SWAP_FIELDS = [
    {"id": 1, "name": "Name", "is_match": True},
    {"id": 2, "name": "Phone", "is_phone": True, "is_match": True},
    {"id": 3, "name": "Ref"},
]


def refs(world: World) -> dict[str, str]:
    return {ref: fields["Phone"] for ref, fields in world.there("Ref").items()}
