from typing import Any

import pytest

from live.simulator.skills import backed_answer
from live.simulator.skills.search import read_pages, search
from live.simulator.tools import Tools
from tests.live.simulator.skills.question import asked

ALL = Tools(searches=True, runs_code=True, reads_pages=True)


@pytest.mark.parametrize(
    ("question", "query"),
    [
        ("Search the web for trail shoes, please.", "trail shoes, please"),
        ("Could you search for owls?", "owls"),
        ("Google heron habitats.", "heron habitats"),
        ("look up the weather in Lyon!", "the weather in Lyon"),
        ("What is the latest news about Mars?", "Mars"),
        ("Find out about   two\nwords", "two words"),
    ],
)
def test_a_search_is_told_with_its_sources(question: str, query: str) -> None:
    found = search(asked(question))
    assert found is not None
    grounding = found.fields["groundingMetadata"]
    assert grounding["webSearchQueries"] == [query]
    assert [chunk["web"]["domain"] for chunk in grounding["groundingChunks"]] == ["example.com"] * 2
    assert query in found.text


def test_what_a_source_supports_is_counted_in_bytes() -> None:
    found = search(asked("Search for caf\u00e9s."))
    assert found is not None
    [support] = found.fields["groundingMetadata"]["groundingSupports"]
    segment: dict[str, Any] = support["segment"]
    raw = found.text.encode()[segment["startIndex"] : segment["endIndex"]]
    assert raw.decode() == segment["text"]
    assert support["groundingChunkIndices"] == [0, 1]


def test_markup_in_a_question_stays_text() -> None:
    found = search(asked("Search for <b>owls</b>"))
    assert found is not None
    content = found.fields["groundingMetadata"]["searchEntryPoint"]["renderedContent"]
    assert content == "<div>&lt;b&gt;owls&lt;/b&gt;</div>"


def test_pages_are_read_once_each_and_some_cannot_be() -> None:
    url, dead = "https://example.com/a?b=c", "http://nothing.invalid"
    found = read_pages(asked(f"Read {url}, {url} and {dead}."))
    assert found is not None
    assert found.text == "I have read example.com. One page could not be read."
    pages = found.fields["urlContextMetadata"]["urlMetadata"]
    assert pages == [
        {"retrievedUrl": url, "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"},
        {"retrievedUrl": dead, "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"},
    ]


@pytest.mark.parametrize("question", ["Hello", "I searched everywhere", "Count to three"])
def test_other_questions_need_no_search(question: str) -> None:
    assert search(asked(question)) is None
    assert read_pages(asked(question)) is None
    assert backed_answer(asked(question), ALL).fields == {}


def test_a_tool_that_was_not_declared_is_not_used() -> None:
    for question in ("Search for owls", "What is 2 plus 2?", "Read https://example.com/"):
        plain = backed_answer(asked(question), Tools())
        assert (plain.parts, plain.fields) == ((), {})
        backed = backed_answer(asked(question), ALL)
        assert backed.parts or backed.fields
