"""The scenarios that have a name. `conversation` and `echo` are the two without a fault.

The closes are the rows of section 6.1 of the protocol notes that no client's mistake brings
about; each is said in the middle of the first answer.
"""

from pathlib import Path

from live.simulator.scenario import (
    Adorn,
    Close,
    Do,
    Drop,
    GoAway,
    HalfOpen,
    Join,
    LateTranscripts,
    Moment,
    RefuseHandle,
    Repeat,
    Script,
    Send,
    Silence,
    SlowPong,
    SplitCalls,
    Stall,
    Step,
    Text,
    read_script_file,
)

MIB = 1024 * 1024
_NO_OPS = ("{}", '{"serverContent": {}}', '{"serverContent": {"modelTurn": {}}}')
_GARBAGE = ("not json", "[1, 2]", '{"serverContent": 5}', "\\ud800", "{")


def _one(do: Do, at: Moment = "answer", *, nth: int = 1, after: float = 0.0) -> Script:
    return Script(steps=(Step(do=do, at=at, nth=nth, after=after),))


def _close(code: int, reason: str, at: Moment = "answer") -> Script:
    return _one(Close(code=code, reason=reason), at, nth=2 if at == "answer" else 1)


_CLOSES = {
    "close-1000": _close(1000, ""),
    "close-1008": _close(1008, "The operation was aborted."),
    "close-1011": _close(1011, "Internal error encountered."),
    "internal-error": _close(1011, "Internal error occurred."),
    "unavailable": _close(1011, "The service is currently unavailable."),
    "deadline": _close(1011, "Deadline expired before operation could complete."),
    "cancelled": _close(
        1011,
        "Thread was cancelled when writing StartStep status to channel.; Failed to close the "
        "streaming context",
    ),
    "quota": _close(
        1011,
        "You exceeded your current quota, please check your plan and billing details.",
        "setup",
    ),
    "key-expired": _close(1007, "API key expired. Please renew the API key.", "setup"),
    "key-not-found": _close(1007, "API Key not found. Please pass a valid API key.", "setup"),
    "location": _close(1007, "User location is not supported for the API use.", "setup"),
}
_FAULTS = {
    "go-away-now": _one(GoAway(), "ready", after=0.2),
    "go-away-early": _one(GoAway(time_left=300.0), "ready", after=1.0),
    "go-away-then-silence": Script(
        steps=(
            Step(do=GoAway(time_left=50.0), at="answer"),
            Step(do=Silence(seconds=600.0), at="go_away"),
        )
    ),
    "drop": _one(Drop(), nth=2),
    "drop-at-setup": _one(Drop(), "setup"),
    "drop-in-call": _one(Drop(), "call"),
    "silence": _one(Silence(), nth=2),
    "slow-setup": _one(Silence(), "setup"),
    "stall": _one(Stall()),
    "slow-pong": _one(SlowPong(), "setup"),
    "refuse-handle": _one(RefuseHandle(), "setup"),
    "refuse-handle-1011": _one(
        RefuseHandle(code=1011, reason="Internal error encountered."), "setup"
    ),
    "garbage": _one(Send(frames=_GARBAGE)),
    "no-ops": _one(Send(frames=_NO_OPS * 20)),
    "error-message": _one(Send(frames=('{"error": {"code": 13, "message": "internal"}}',))),
    "huge": _one(Send(frames=('{"serverContent": {}}',), size=MIB + 1)),
    "other-first": _one(Send(frames=('{"serverContent": {}}',)), "setup"),
    "unknown-fields": _one(Adorn(fields={"newField": {"deep": [1, None]}, "flag": True}), "setup"),
    "duplicates": _one(
        Repeat(
            keys=(
                "setupComplete",
                "sessionResumptionUpdate",
                "goAway",
                "toolCall",
                "toolCallCancellation",
                "generationComplete",
                "interrupted",
                "turnComplete",
            )
        ),
        "setup",
    ),
    "joined": _one(Join(), "setup"),
}
FAULTS: dict[str, Script] = {**_FAULTS, **_CLOSES}
# What the server is free to do: a talk under one of these goes on as ever.
MODES = {
    "half-open": _one(HalfOpen(), "setup"),
    "late-transcripts": _one(LateTranscripts(), "setup"),
    "no-transcripts": _one(LateTranscripts(pieces=0), "setup"),
    "split-calls": _one(SplitCalls(), "setup"),
    "text-frames": _one(Text(), "setup"),
}
# What Google's front end answers before there is a socket.
HANDSHAKES = {f"http-{status}": Script(handshake=status) for status in (401, 403, 429, 500, 503)}
SCENARIOS: dict[str, Script] = {
    "conversation": Script(talk="conversation"),
    "echo": Script(talk="echo"),
    **dict(sorted({**FAULTS, **MODES, **HANDSHAKES}.items())),
}


def find_script(name: str) -> Script:
    """Return the scenario of a name. Raises ValueError for an unknown one."""
    script = SCENARIOS.get(name)
    if script is None:
        raise ValueError(f"scenario is one of {', '.join(SCENARIOS)}")
    return script


def find_script_or_file(name: str) -> Script:
    """Return the scenario of a name, or in a JSON file of that path.

    Raises ValueError for a file that is no script, and for what is neither.
    """
    if name in SCENARIOS:
        return SCENARIOS[name]
    try:
        return read_script_file(Path(name))
    except OSError as error:
        known = ", ".join(SCENARIOS)
        raise ValueError(f"scenario is a JSON file, or one of {known}") from error
