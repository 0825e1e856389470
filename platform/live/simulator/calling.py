"""The model that calls functions, between what it hears and what it says. Pure.

Section 4.5 of the protocol notes has two flows. A BLOCKING call is all there is of the
turn until each such call is answered. A NON_BLOCKING call ends its turn at once, and the
answer to it begins a new one, as its `scheduling` says. An interruption cancels the
BLOCKING calls only.
"""

from live.simulator import frames
from live.simulator.arguments import arguments
from live.simulator.calls import Call, new_call_id
from live.simulator.closes import invalid_argument
from live.simulator.fields import Fields
from live.simulator.sessions import Role, Said
from live.simulator.skills.results import told_result
from live.simulator.speaking import Phase, Speaking
from live.simulator.tools import Mention

WHEN_IDLE, INTERRUPT, SILENT = "WHEN_IDLE", "INTERRUPT", "SILENT"


class Calling(Speaking):
    """Calls the declared functions whose names were said, and tells what they answer."""

    @property
    def _user_speaks(self) -> bool:
        return False

    def start(self, now: float) -> None:
        super().start(now)
        if self._calls.blocked:
            self.phase = Phase.CALLING

    def _begin_answer(self, when: float) -> None:
        mentions = self._tools.mentioned_in(self._memory.unanswered())
        if mentions:
            self._call(mentions, when)
        else:
            super()._begin_answer(when)

    def _call(self, mentions: list[Mention], when: float) -> None:
        calls = [self._new_call(mention) for mention in mentions]
        self._calls.add(calls)
        names = ", ".join(call.name for call in calls)
        self._memory.add(Said(Role.MODEL, f"(calls {names})"))
        if self.setup.model.shows_code and not self.setup.vertex:
            self._out.append(frames.executable_code(_code(calls)))
        self._out.append(
            frames.tool_call([(call.call_id, call.name, call.arguments) for call in calls])
        )
        if self._calls.blocked:
            self.phase = Phase.CALLING
            self._tell_not_resumable()
            return
        self._out.append(frames.content(generationComplete=True))
        self._complete_turn(when)

    def _new_call(self, mention: Mention) -> Call:
        function = mention.function
        call_id = new_call_id(
            short=self.setup.model.short_call_ids,
            blocking=function.blocking,
            vertex=self.setup.vertex,
        )
        found = arguments(function.schema, mention.words)
        return Call(call_id, function.name, found, function.blocking)

    def _tool_response(self, fields: Fields, now: float) -> None:
        for response in fields.get("function_responses", []):
            self._take_response(response, now)

    def _take_response(self, response: Fields, now: float) -> None:
        result = dict(response.get("response", {}))
        # Google's guide puts the scheduling inside the response, its SDKs beside it.
        scheduling = result.pop("scheduling", "") or response.get("scheduling", "")
        if scheduling and not self.setup.model.schedules:
            raise invalid_argument()
        call = self._calls.answered(
            self._answered_id(response), more=response.get("will_continue", False)
        )
        if call is None:
            return
        text = told_result(call.name, result)
        self._memory.add(Said(Role.TOOL, text))
        if call.blocking:
            self._take_blocking(text, now)
        elif scheduling != SILENT:
            self._take_scheduled(text, now, interrupts=scheduling == INTERRUPT)

    def _answered_id(self, response: Fields) -> str:
        call_id: str = response.get("id", "")
        if call_id:
            return call_id
        if not self.setup.vertex:
            raise invalid_argument()
        return self._calls.id_of(response.get("name", ""))

    def _take_blocking(self, text: str, now: float) -> None:
        self._results.append(text)
        if not self._calls.blocked:
            self.phase = Phase.IDLE
            self._respond(now, self.pace.thinking)

    def _take_scheduled(self, text: str, now: float, *, interrupts: bool) -> None:
        self._results.append(text)
        if interrupts and self.phase is not Phase.CALLING:
            self._cut(now)
        if not self._user_speaks:
            self._respond(now, self.pace.thinking)

    def _cut(self, now: float) -> None:
        if self.phase is Phase.CALLING:
            self._out.append(frames.tool_call_cancellation(self._calls.cancel_blocking()))
        super()._cut(now)


def _code(calls: list[Call]) -> str:
    lines = []
    for call in calls:
        named = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
        lines.append(f"print(default_api.{call.name}({named}))")
    return "\n".join(lines)
