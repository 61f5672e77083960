"""A source's rate limits: places in sliding windows, and limits that headers announce."""

import pytest

from connectors.http_parts.limits import Hint, Limit, Pacer


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def pacer(time: Time, *limits: Limit, hint: Hint | None = None) -> Pacer:
    hints = [hint] if hint else []
    return Pacer(limits, hints, clock=lambda: time.now, sleep=time.sleep, now=lambda: 5_000.0)


def send(paced: Pacer, method: str = "GET", path: str = "/contacts") -> None:
    places = paced.places(method, path)
    places.answered(places.take())


def test_no_window_is_exceeded_and_none_is_wasted() -> None:
    time = Time()
    paced = pacer(time, Limit(3, 10))
    moments = []
    for _ in range(10):
        send(paced)
        moments.append(time.now - 1000)
    assert moments == [0, 0, 0, 10, 10, 10, 20, 20, 20, 30]


def test_a_request_takes_a_place_in_every_window_that_is_for_it() -> None:
    time = Time()
    paced = pacer(time, Limit(100, 10), Limit(1, 1, match="^POST .*/search$"))
    for _ in range(3):
        send(paced, "POST", "/contacts/search")
    assert time.now == 1002
    for _ in range(97):
        send(paced)
    assert time.now == 1002
    send(paced)
    assert time.now == 1010


def test_a_pause_is_for_every_request() -> None:
    time = Time()
    paced = pacer(time)
    paced.places("GET", "/x").pause(7)
    send(paced)
    assert time.now == 1007


@pytest.mark.parametrize(
    ("hint", "headers", "waited"),
    [
        (Hint("X-Left", "X-Reset"), {"x-left": "0", "x-reset": "4"}, 4),
        (Hint("X-Left", "X-Reset", "milliseconds"), {"x-left": "0", "x-reset": "2500"}, 2.5),
        (Hint("X-Left", "X-Reset", "epoch"), {"x-left": "0", "x-reset": "5030"}, 30),
        (Hint("X-Left", "X-Reset", "epoch"), {"x-left": "0", "x-reset": "4000"}, 1),
        (Hint("X-Left", pause=3), {"x-left": "0"}, 3),
        (Hint("X-Left", "X-Reset"), {"x-left": "0", "x-reset": "soon"}, 1),
        (Hint("X-Left", "X-Reset"), {"x-left": "1", "x-reset": "4"}, 0),
        (Hint("X-Left", "X-Reset"), {"x-left": "many"}, 0),
        (Hint("X-Left", "X-Reset"), {}, 0),
    ],
)
def test_a_server_says_that_nothing_is_left(hint: Hint, headers: dict[str, str], waited: float) -> None:
    time = Time()
    paced = pacer(time, hint=hint)
    paced.note_headers(headers)
    send(paced)
    assert time.now - 1000 == waited
    assert paced.headers >= {"x-left"}
