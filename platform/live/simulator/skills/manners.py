"""Greetings, thanks, and honesty about what the simulator is."""

import re

from live.simulator.skills.asked import Asked

UNHEARD = "(speech the simulator cannot make out"
_NAMED = re.compile(
    r"\byou are (?:called |named )?([a-z][\w'-]+)|\byour name is ([a-z][\w'-]+)", re.IGNORECASE
)
_ASKS_WHO = re.compile(
    r"who are you|what are you|your name|are you (?:real|human|a robot|a person)", re.IGNORECASE
)
_NOT_NAMES = frozenset("a an the our my one not here in on for helping working".split())
_GREETINGS = ("hello", "hi", "hey", "bonjour", "morning", "evening", "greetings")
_FAREWELLS = ("bye", "goodbye", "farewell")


def unheard_speech(seconds: float) -> str:
    """Return what stands in for the words of speech that is not the simulator's voice."""
    return f"{UNHEARD}, {seconds:.1f} s)"


def thought_about(text: str) -> str:
    """Return what a model thinks before it answers."""
    return f"**Considering the request**\n\nI was told: {text or 'nothing new'}"


def unheard(asked: Asked) -> str | None:
    if not asked.text.startswith(UNHEARD):
        return None
    return (
        "I can hear that you speak, but this is a simulation without a speech recogniser. "
        "Please type your message, or use the sample voice."
    )


def agent_name(asked: Asked) -> str:
    """Return the name that the system instruction gives, or ""."""
    for match in _NAMED.finditer(asked.instruction):
        name = match[1] or match[2]
        if name[0].isupper() and name.lower() not in _NOT_NAMES:
            return name
    return ""


def introduce(asked: Asked) -> str | None:
    if not _ASKS_WHO.search(asked.text):
        return None
    name = agent_name(asked)
    return (
        f"I am {name + ', ' if name else ''}a simulation of a voice model. I can talk about "
        "the shop, count, spell, tell the time, and tell a long story."
    )


def farewell(asked: Asked) -> str | None:
    if asked.has(*_FAREWELLS):
        return asked.choose(("Goodbye, and have a nice day!", "Goodbye! Come back soon."))
    if asked.has("thanks", "thank", "merci"):
        return asked.choose(("You are welcome! Anything else?", "My pleasure. What else can I do?"))
    return None


def greet(asked: Asked) -> str | None:
    if not asked.has(*_GREETINGS):
        return None
    name = agent_name(asked)
    introduction = f"I am {name}. " if name else ""
    question = asked.choose(("How can I help you today?", "What can I do for you?"))
    return f"Hello! {introduction}{question}"
