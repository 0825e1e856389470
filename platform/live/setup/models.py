"""What the Live models of November 2026 take and refuse.

A model that is not listed is asked for anything: Google knows better than an old table.
Source: the models' pages and the Live guide of ai.google.dev.
"""

from __future__ import annotations

from dataclasses import dataclass

_BOTH = frozenset({"BLOCKING", "NON_BLOCKING"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTraits:
    """What one family of models takes. All of them answer in AUDIO only.

    `thinking_levels` and `behaviors` are the names that it takes. `affective_version` is the
    only version of the Developer API that has proactivity and affective dialog, where they are
    choices at all. `content_only_seeds`: clientContent is only for a history right after the setup.
    """

    thinking_levels: frozenset[str] = frozenset()
    thinking_budget: bool = False
    behaviors: frozenset[str] = _BOTH
    scheduling: bool = True
    affective: bool = False
    proactive: bool = False
    proactive_always: bool = False
    affective_version: str = ""
    content_only_seeds: bool = False


_NATIVE_25 = ModelTraits(
    thinking_budget=True, affective=True, proactive=True, affective_version="v1alpha"
)

# By the beginning of the id; the first that fits counts.
_FAMILIES: tuple[tuple[str, ModelTraits], ...] = (
    (
        "gemini-3.8-live-extended-thinking",
        ModelTraits(
            thinking_levels=frozenset({"LOW", "MEDIUM", "HIGH"}),
            behaviors=frozenset({"NON_BLOCKING"}),
            scheduling=False,
            proactive=True,
            proactive_always=True,
        ),
    ),
    ("gemini-3.8-live", ModelTraits(proactive=True, proactive_always=True)),
    (
        "gemini-3.1-flash-live",
        ModelTraits(
            thinking_levels=frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
            thinking_budget=True,
            behaviors=frozenset({"BLOCKING"}),
            scheduling=False,
            content_only_seeds=True,
        ),
    ),
    ("gemini-2.5-flash-native-audio", _NATIVE_25),
    ("gemini-live-2.5-flash-native-audio", _NATIVE_25),
)


def traits_of(model: str) -> ModelTraits | None:
    """The traits of a model, given by its id or by a full name; `None` when it is not listed."""
    model_id = model.rpartition("/")[2]
    return next((traits for prefix, traits in _FAMILIES if model_id.startswith(prefix)), None)
