"""Google and a process that dies, as small as the table of rotations needs them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from accounts.rotation.progress import (
    ENDED,
    Act,
    Answer,
    Ask,
    Demand,
    Failed,
    Listed,
    Problem,
    Progress,
    SeenKey,
    State,
    Succeeded,
    Uploaded,
    View,
    Wait,
)
from accounts.rotation.states import KEY_UNKNOWN, MOST_KEYS, after, begin, heed, next_ask

START = datetime(2026, 5, 4, tzinfo=UTC)
OLD = "old"
GONE = Failed(Problem(KEY_UNKNOWN, "It does not exist.", "-"), permanent=True)
NETWORK = Failed(Problem("network", "No network.", "Wait."), permanent=False)
REFUSED = Failed(Problem("permission_denied", "No.", "Grant it."), permanent=True)

Fate = str
WELL, CRASH, CRASH_BEFORE, LOST, DOWN, NO = "well", "crash", "crash-before", "lost", "down", "no"
FATES = (WELL, CRASH, CRASH_BEFORE, LOST, DOWN, NO)


@dataclass
class World:
    """One account at Google, one stored rotation, and the time. `keys` maps to "disabled"."""

    stored: Progress
    keys: dict[str, bool] = field(default_factory=lambda: {OLD: False, "human": False})
    ours: set[str] = field(default_factory=set)
    now: datetime = START
    view: View = field(default_factory=View)
    new_works: bool = True
    asks: list[Act] = field(default_factory=list)
    outages: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        return self.stored.state in ENDED

    def is_at(self, state: State) -> bool:
        return self.stored.state == state

    def usable(self) -> set[str]:
        return {key for key, disabled in self.keys.items() if not disabled} - {"human"}

    def step(self, fate: Fate = WELL) -> None:
        """Do the next thing; or wait, as a beat would."""
        if self.has_ended:
            return
        ask = next_ask(self.stored, self.view, self.now)
        if isinstance(ask, Wait):
            assert ask.until > self.now
            self.now = ask.until
            return
        self.asks.append(ask.act)
        self.stored = begin(self.stored, ask, self.now)
        answer = self._answer(ask, fate)
        self.now += timedelta(seconds=1)
        if answer is not None:
            self.stored = after(self.stored, ask, answer, self.now)
        else:
            self.now += timedelta(minutes=3)  # until the claim ends
        self._check_no_other_key_is_touched()

    def demand(self, demand: Demand) -> None:
        self.stored = heed(self.stored, demand, self.now)

    def run(self, until: Callable[["World"], bool] | None = None, steps: int = 10_000) -> None:
        for _ in range(steps):
            if self.has_ended or (until is not None and until(self)):
                return
            self.step()
        raise AssertionError(f"it does not end: {self.stored}")

    def _answer(self, ask: Ask, fate: Fate) -> Answer | None:
        """None stands for a process that died before it could store the answer."""
        if fate == CRASH_BEFORE:
            return None
        if ask.act not in {Act.PROMOTE, Act.FAIL}:
            if fate == DOWN:
                return NETWORK
            if fate == NO:
                return REFUSED
        answer = self._do(ask)
        if fate == CRASH:
            return None
        return NETWORK if fate == LOST and ask.act not in {Act.PROMOTE, Act.FAIL} else answer

    def _do(self, ask: Ask) -> Answer:
        if ask.act == Act.LIST:
            return Listed(
                tuple(SeenKey(key, off, key in self.ours) for key, off in self.keys.items())
            )
        if ask.act == Act.UPLOAD:
            assert len(self.keys) < MOST_KEYS
            made = f"new-{len(self.ours) + 1}"
            self.keys[made] = False
            self.ours.add(made)
            return Uploaded(made)
        if ask.act == Act.TRY:
            return Succeeded() if self.new_works and self.new_is_on() else REFUSED
        if ask.act in {Act.PROMOTE, Act.FAIL}:
            return Succeeded()
        return self._change(ask)

    def new_is_on(self) -> bool:
        return self.keys.get(self.stored.new_key) is False

    def _change(self, ask: Ask) -> Answer:
        if ask.key_id not in self.keys:
            return GONE
        if ask.act == Act.DELETE:
            del self.keys[ask.key_id]
        else:
            self.keys[ask.key_id] = ask.act == Act.DISABLE
        return Succeeded()

    def _check_no_other_key_is_touched(self) -> None:
        assert self.keys.get("human") is False
        assert len(self.keys) <= MOST_KEYS


def world(**changes: object) -> World:
    return World(replace(Progress(State.REQUESTED, START, OLD), **changes))  # type: ignore[arg-type]
