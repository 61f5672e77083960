"""The company of a new sandbox: its fields, and any number of invented contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any


def _field(number: int, name: str, **flags: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "is_phone": False, "is_match": False, "is_integration": False} | flags


PORTAL = {
    "id": 1,
    "initials": "AP",
    "fields": [
        {
            "key": "contact_url",
            "display_name": "Contact URL",
            "value": "https://portal.example.com/tenants/{CONTACT_ID}",
        },
        {"key": "default_url", "display_name": "Default URL", "value": "https://portal.example.com"},
    ],
}

FIELDS: tuple[Mapping[str, Any], ...] = (
    _field(11, "External ID", is_match=True),
    _field(12, "Contact"),
    _field(13, "Company"),
    _field(18, "Phone", is_phone=True),
    _field(19, "Email"),
    _field(20, "Portal", is_integration=True, integration=PORTAL),
)
"""A layout with one match field that never changes: no edit can make a second contact of the same person."""

# Invented names, and numbers with 555, which are kept free for fiction.
FIRST = ("Ada", "Ben", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena", "Mateo")
LAST = ("Abbott", "Brandt", "Castillo", "Dubois", "Eriksen", "Fischer", "Gupta", "Haddad", "Ito", "Jansen", "Kowalski")
FIRMS = ("Elm Street Apartments", "Harbour View", "Juniper Court", "Maple & Third", "Northgate Lofts", "Orchard House")
AREAS = ("212", "315", "347", "516", "518", "585", "607", "631", "646", "716", "718", "845", "914", "917", "929")


def people(count: int, *, seed: int = 1) -> Iterator[dict[str, str]]:
    """Yield ``count`` invented contacts, the same ones for the same ``seed``."""
    random = Random(seed)  # noqa: S311  invented people need to be repeatable, not secret
    for number in range(100_001, 100_001 + count):
        first, last = random.choice(FIRST), random.choice(LAST)
        # One contact in four has two numbers.
        phones = [_phone(random) for _ in range(random.choice((1, 1, 1, 2)))]
        yield {
            "External ID": str(number),
            "Contact": f"{first} {last}",
            "Company": random.choice(FIRMS),
            "Phone": ";".join(dict.fromkeys(phones)),
            "Email": f"{first}.{last}.{number}@example.com".lower(),
            "Portal": str(number),
        }


def _phone(random: Random) -> str:
    return f"{random.choice(AREAS)}555{random.randrange(10_000):04}"
