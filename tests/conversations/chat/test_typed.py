import os
from pathlib import Path

import pytest

from conversations.chat.typed import lines


async def read(path: Path) -> list[str]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return [line async for line in lines(descriptor)]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\n\n  two \nthree", ["one", "two", "three"]),
        ("one\n/quit\ntwo\n", ["one"]),
        ("one\n/quit", ["one"]),
        ("", []),
    ],
)
async def test_lines_to_the_end_or_to_quit(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "typed"
    path.write_text(text)
    assert await read(path) == expected


async def test_long_lines_and_split_characters_arrive_whole(tmp_path: Path) -> None:
    path = tmp_path / "typed"
    path.write_text("a" + "é" * 5_000 + "\nend\n")
    assert await read(path) == ["a" + "é" * 5_000, "end"]


async def test_a_line_comes_before_the_end() -> None:
    reading, writing = os.pipe()
    typed = lines(reading)
    os.write(writing, b"one\n")
    assert await anext(typed) == "one"
    os.write(writing, b"two\n")
    assert await anext(typed) == "two"
    os.close(writing)
    assert [line async for line in typed] == []
    os.close(reading)
