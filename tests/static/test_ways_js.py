"""Which way the page goes to the server: a socket, or plain HTTP."""

from __future__ import annotations

import pytest

from tests.static.modules import Modules

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Plays a list of steps; after each, the way, whether it goes on at once, and what the page shows.
PLAY = """({ Ways }, steps) => {
    const ways = new Ways();
    return steps.map((step) => {
        const goesOn = ways[step]() ?? null;
        return [ways.now, goesOn, ways.isTextOnly, ways.upgradeDelay(0)];
    });
}"""


async def play(js: Modules, *steps: str) -> list[list[object]]:
    played: list[list[object]] = await js.run("ways", PLAY, steps)
    return played


async def test_the_socket_comes_first_and_http_when_it_is_blocked(js: Modules) -> None:
    assert await play(js, "begin", "blocked", "carried") == [
        ["socket", None, False, 60_000],
        ["http", True, False, 60_000],
        ["http", None, True, 60_000],
    ]


async def test_both_ways_are_tried_once_in_a_round(js: Modules) -> None:
    played = await play(js, "begin", "blocked", "blocked", "begin", "carried", "begin")
    assert [(way, goes_on) for way, goes_on, _, _ in played] == [
        ("socket", None),
        ("http", True),
        ("http", False),
        ("socket", None),
        ("socket", None),
        ("socket", None),
    ]


async def test_the_next_round_begins_with_what_carried_last(js: Modules) -> None:
    played = await play(js, "begin", "blocked", "carried", "begin", "blocked", "carried", "begin")
    assert [(way, is_text) for way, _, is_text, _ in played[3:]] == [
        ("http", True),
        ("socket", True),
        ("socket", False),
        ("socket", False),
    ]


async def test_a_socket_that_opens_and_says_nothing_is_tried_less_often(js: Modules) -> None:
    silent = ["moved", "blocked", "carried"]
    played = await play(js, "begin", "blocked", "carried", *silent, *silent, "moved", "carried")
    assert [(way, is_text, ms) for way, _, is_text, ms in played[3::3]] == [
        ("socket", True, 60_000),
        ("socket", True, 120_000),
        ("socket", True, 240_000),
    ]
    assert played[-1] == ["socket", None, False, 60_000]


async def test_not_all_pages_look_in_the_same_instant(js: Modules) -> None:
    run = "({ Ways }) => [0, 0.5, 1].map((random) => new Ways().upgradeDelay(random))"
    assert await js.run("ways", run) == [60_000, 57_000, 54_000]
