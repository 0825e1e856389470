"""An answer with something to back it: what the built-in tools bring into a turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Backed:
    """What is said, the parts that come before it, and the serverContent fields after it.

    Parts and fields are as on the wire, in camelCase.
    """

    text: str
    parts: Sequence[Mapping[str, Any]] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
