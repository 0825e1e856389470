"""Which script each connection plays."""

import contextlib
from collections import deque
from collections.abc import Mapping
from urllib.parse import parse_qs

from live.simulator.closes import Refusal, invalid_argument
from live.simulator.faults import find_script
from live.simulator.scenario import Script, Talks, read_script

HEADER = "x-simulator-scenario"
QUERY = "scenario"
MAX_ORDERED = 1024


class Playbill:
    """The server's own script, and those for single connections.

    A test in the same process orders a script for the next connections, whoever dials: it
    needs no way through the client under test. A test elsewhere asks with its own handshake,
    by a header (the official SDKs take headers) or, from a browser, in the query. Both hold
    a name or a script in JSON, never a path: nobody reads files through a socket.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._talk: Talks = script.talk or "conversation"
        self._connections = 0
        self._ordered: deque[Script] = deque(maxlen=MAX_ORDERED)

    def order(self, script: Script, connections: int) -> None:
        """Let the next so many connections play `script`."""
        self._ordered.extend([script] * connections)

    def clear(self) -> None:
        """Forget what was ordered and not played."""
        self._ordered.clear()

    def script_for(self, target: str, headers: Mapping[str, str]) -> Script:
        """Return the script of a new connection. Raises Refusal (1007) for a bad wish."""
        number, self._connections = self._connections, self._connections + 1
        if wish := _wish(target, headers):
            return _wished(wish)
        if self._ordered:
            return self._ordered.popleft()
        return self._script if self._script.holds_for(number) else Script()

    def handshake_status(self, target: str, headers: Mapping[str, str]) -> int | None:
        """Return the HTTP status that refuses a handshake; None lets it go on to its script."""
        if wish := _wish(target, headers):
            with contextlib.suppress(Refusal):  # said on the socket, when there is one
                return _wished(wish).handshake
            return None
        ordered = self._ordered[0] if self._ordered else None
        script = ordered or self._script
        refuses = script.handshake is not None
        if refuses and (ordered or script.holds_for(self._connections)):
            return self.script_for(target, headers).handshake
        return None

    def talk_of(self, script: Script) -> Talks:
        """Return who talks: as the script says, or as everywhere on this server."""
        return script.talk or self._talk


def _wish(target: str, headers: Mapping[str, str]) -> str:
    query = parse_qs(target.partition("?")[2])
    return headers.get(HEADER) or query.get(QUERY, [""])[0]


def _wished(wish: str) -> Script:
    try:
        return read_script(wish) if wish.startswith("{") else find_script(wish)
    except ValueError as error:
        raise invalid_argument() from error
