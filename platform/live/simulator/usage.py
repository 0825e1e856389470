"""`usageMetadata`: the whole retained context is counted again on every turn."""

from typing import Any

from live.simulator.answer import Answer
from live.simulator.sessions import AUDIO_TOKENS_PER_S, Memory, text_tokens


def usage_metadata(
    memory: Memory, instruction: str, said: Answer | None, *, vertex: bool, thought: str = ""
) -> dict[str, Any]:
    """Return the usage of one turn; `said` is the answer so far, None for no answer.

    `thought` is what the model thought before. Vertex AI names the counters of the answer
    `candidates…` (section 4.4).
    """
    text = text_tokens(instruction) + sum(turn.text_tokens for turn in memory)
    audio = sum(turn.audio_tokens for turn in memory)
    video = memory.video_tokens
    response, modality = _response(said)
    name = "candidates" if vertex else "response"
    usage: dict[str, Any] = {"promptTokenCount": text + audio + video}
    if response:
        usage[f"{name}TokenCount"] = response
    thoughts = text_tokens(thought)
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    usage["totalTokenCount"] = text + audio + video + response + thoughts
    usage["promptTokensDetails"] = _details({"TEXT": text, "AUDIO": audio, "VIDEO": video})
    if response:
        usage[f"{name}TokensDetails"] = _details({modality: response})
    if vertex:
        usage["trafficType"] = "ON_DEMAND"
    return usage


def _response(said: Answer | None) -> tuple[int, str]:
    if said is None:
        return 0, "AUDIO"
    if said.spoken:
        return round(said.audio_s * AUDIO_TOKENS_PER_S), "AUDIO"
    return text_tokens("".join(text for _start, text in said.told)), "TEXT"


def _details(counts: dict[str, int]) -> list[dict[str, Any]]:
    return [{"modality": kind, "tokenCount": count} for kind, count in counts.items() if count]
