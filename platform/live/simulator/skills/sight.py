"""What the simulator sees: that a picture came, and its size. It has no eyes for the rest."""

import re

from live.simulator.skills.asked import Asked

_ASKS = re.compile(
    r"what (?:do|can|did) you see|(?:do|can) you see|what am i (?:showing|holding)"
    r"|(?:look at|describe) (?:this|the|my) (?:picture|photo|image|camera|screen)"
    r"|what is (?:on|in) (?:this|the|my) (?:picture|photo|image|camera|screen)",
    re.IGNORECASE,
)


def look(asked: Asked) -> str | None:
    if not _ASKS.search(asked.text):
        return None
    if not asked.pictures:
        return "I see nothing: no picture has come. Please turn your camera on."
    width, height = asked.last_picture
    if not width:
        return "A picture came, but I cannot make it out."
    count = "one picture" if asked.pictures == 1 else f"{asked.pictures} pictures"
    return (
        f"I see {count}. The last one is {width} by {height} pixels. "
        "I am a simulation, so I cannot tell what is in it."
    )
