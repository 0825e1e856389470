"""Google Search and URL context, on a web that is made up from the question.

Source of the shapes: `groundingMetadata` and `urlContextMetadata` of generateContent.
"""

import html
import re
from typing import Any
from urllib.parse import urlsplit

from live.simulator.skills.asked import Asked, words_of
from live.simulator.skills.backed import Backed

_ASKS = re.compile(
    r"\b(?:search(?: (?:the )?(?:web|internet)| google| online)?(?: for| about)?"
    r"|look up|google|find out(?: about)?|(?:what is |what's )?the latest(?: news)?(?: on| about)?)"
    r"\s+(?P<query>[^?!]*[^?!\s.,;:])",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_SITES = ("Encyclopaedia", "Gazette")
_DEAD = (".invalid", ".test")


def search(asked: Asked) -> Backed | None:
    """Answer what asks for a search; the whole answer is supported by both pages."""
    found = _ASKS.search(asked.text)
    if not found:
        return None
    query = " ".join(found["query"].split())
    first, second = _SITES
    supported = f"The {first} and the {second} both have a page on {query}."
    text = f"I searched the web. {supported}"
    return Backed(text, fields={"groundingMetadata": _grounding(query, text, supported)})


def read_pages(asked: Asked) -> Backed | None:
    """Answer what names web addresses; those of reserved domains cannot be read."""
    urls = list(dict.fromkeys(_URL.findall(asked.text)))
    if not urls:
        return None
    statuses = {url: not (urlsplit(url).hostname or "").endswith(_DEAD) for url in urls}
    told = [
        f"I have read {urlsplit(url).hostname}." if readable else "One page could not be read."
        for url, readable in statuses.items()
    ]
    metadata = [_page(url, readable=readable) for url, readable in statuses.items()]
    return Backed(" ".join(told), fields={"urlContextMetadata": {"urlMetadata": metadata}})


def _grounding(query: str, text: str, supported: str) -> dict[str, Any]:
    slug = "-".join(words_of(query)) or "page"
    chunks = [
        {
            "web": {
                "uri": f"https://example.com/{site.lower()}/{slug}",
                "title": f"{site}: {query}",
                "domain": "example.com",
            }
        }
        for site in _SITES
    ]
    whole = len(text.encode())
    start = whole - len(supported.encode())
    segment = {"startIndex": start, "endIndex": whole, "text": supported}
    return {
        "webSearchQueries": [query],
        "searchEntryPoint": {"renderedContent": f"<div>{html.escape(query)}</div>"},
        "groundingChunks": chunks,
        "groundingSupports": [
            {"segment": segment, "groundingChunkIndices": list(range(len(chunks)))}
        ],
    }


def _page(url: str, *, readable: bool) -> dict[str, str]:
    status = "SUCCESS" if readable else "ERROR"
    return {"retrievedUrl": url, "urlRetrievalStatus": f"URL_RETRIEVAL_STATUS_{status}"}
