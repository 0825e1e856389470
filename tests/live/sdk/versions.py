"""What the tests have to know of older versions of the Python SDK: 1.30 differs from 1.75 on."""

from google import genai
from google.genai import errors, types
from websockets.exceptions import ConnectionClosed

OLD = tuple(int(number) for number in genai.__version__.split(".")[:2]) < (1, 75)
# 1.30 drops a message that it does not know.
SHOWS_ACTIVITY = not OLD
ENDS: type[Exception] = ConnectionClosed if OLD else errors.APIError


def activity_of(message: types.LiveServerMessage) -> list[str]:
    """The names of the voice activity signals in a message; none before 1.75."""
    signal = message.voice_activity if SHOWS_ACTIVITY else None
    kind = signal.voice_activity_type if signal else None
    return [kind.value] if kind else []


def end_of(error: Exception) -> tuple[int, str]:
    """The close code and the reason in an exception of the class `ENDS`."""
    if isinstance(error, ConnectionClosed):
        return (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
    assert isinstance(error, errors.APIError)
    return error.code, str(error).removeprefix(f"{error.code} None. ")


async def close(client: genai.Client) -> None:
    """Close what REST calls have opened; 1.30 leaves that to the garbage collector."""
    if not OLD:
        client.close()
        await client.aio.aclose()
