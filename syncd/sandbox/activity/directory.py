"""The invented company behind the phones: its numbers, people and queues, and what is said in its calls."""

from __future__ import annotations

from collections.abc import Mapping

OWN_NUMBERS = ("7185550000", "7185550001", "7185550002")
"""The company's numbers: the main one, sales and service."""

PEOPLE: Mapping[str, str] = {
    "101": "John Doe",
    "102": "Mara Lindqvist",
    "103": "Owen Achebe",
    "104": "Priya Nair",
    "105": "Rosa Delgado",
    "106": "Sam Whitaker",
    "107": "Tara Novak",
    "108": "Uri Shapiro",
    "109": "Vera Kim",
    "110": "Will Osei",
}
"""Names by extension."""

MENU = ("AutoAttendant", "Main Menu", "500")
SALES = ("HuntGroup", "Sales", "201")
SERVICE = ("CallCenter", "Service Queue", "301")
"""(type, name, extension) of a menu, a group whose phones all ring, and a queue that rings one phone after another."""

TOPICS = ("a late delivery", "the lease", "an invoice", "a broken heater", "an appointment", "a lost key", "parking")

TEXTS = (
    "Good morning, is somebody at the office today?",
    "Your appointment is confirmed. Ça va très bien, à demain!",
    "Thank you, that was quick \N{SMILING FACE WITH SMILING EYES}",
    "Please call me back about the lease.",
    "The technician arrives between 9 and 11.",
)


def texts_about(topic: str, speaker: str) -> tuple[str, str]:
    """Return an invented summary and transcription of a call with ``speaker`` about ``topic``."""
    summary = f"The caller asked about {topic}; {speaker} promised to look into it."
    transcription = f"{speaker}: Good day, how may I help you?\nCaller: I am calling about {topic}.\n{speaker}: I see."
    return summary, transcription
