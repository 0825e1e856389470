"""Upstream events in any order become well-formed turns and contiguous events."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import live
from conversations import protocol as p
from conversations.states import AgentState, ConversationState, EndReason, Speaker, TurnState
from conversations.transcripts.assembly import Assembly

PCM = b"\0\0" * 240


@pytest.fixture
def assembly() -> Assembly:
    return Assembly(1, p.Picture())


def play(assembly: Assembly, *events: live.Event) -> list[p.Event]:
    out: list[p.Event] = []
    for ms, event in enumerate(events):
        out.extend(assembly.upstream(event, ms * 100))
    return out


def turns(assembly: Assembly) -> list[tuple[str, str, str]]:
    return [(turn.speaker, turn.text, turn.state) for turn in assembly.picture.turns]


def kinds(events: list[p.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_spoken_exchange_is_two_turns(assembly: Assembly) -> None:
    play(
        assembly,
        live.VoiceActivity(active=True),
        live.InputTranscript("Hi, can you hear me?"),
        live.VoiceActivity(active=False),
        live.Audio(PCM, 24_000),
        live.OutputTranscript("Yes, I can hear "),
        live.OutputTranscript("you clearly."),
        live.GenerationComplete(),
        live.TurnComplete(),
    )
    assert turns(assembly) == [
        ("user", "Hi, can you hear me?", "final"),
        ("agent", "Yes, I can hear you clearly.", "final"),
    ]
    assert assembly.picture.agent == AgentState.LISTENING


def test_the_users_turn_begins_when_they_began_to_speak(assembly: Assembly) -> None:
    play(assembly, live.VoiceActivity(active=True), live.GenerationComplete())
    (event, *_) = assembly.upstream(live.InputTranscript("Hi"), 1300)
    assert event.ms == 0


def test_late_words_of_the_user_join_their_turn(assembly: Assembly) -> None:
    play(
        assembly,
        live.InputTranscript("Do you have"),
        live.Audio(PCM, 24_000),
        live.OutputTranscript("Yes"),
        live.InputTranscript(" the blue one?"),
        live.OutputTranscript(", we do."),
        live.TurnComplete(),
    )
    assert turns(assembly) == [
        ("user", "Do you have the blue one?", "final"),
        ("agent", "Yes, we do.", "final"),
    ]


def test_an_interruption_ends_the_turn_and_names_the_stream(assembly: Assembly) -> None:
    out = play(
        assembly,
        live.Audio(PCM, 24_000),
        live.OutputTranscript("Once upon a time"),
        live.VoiceActivity(active=True),
        live.Interrupted(),
        live.TurnComplete(),
    )
    assert turns(assembly) == [("agent", "Once upon a time", "interrupted")]
    assert [event.stream for event in out if isinstance(event, p.Interrupted)] == [1]


def test_each_answer_has_its_own_stream(assembly: Assembly) -> None:
    answer = (live.Audio(PCM, 24_000), live.Audio(PCM, 24_000), live.TurnComplete())
    out = play(assembly, *answer, *answer)
    assert [event.stream for event in out if isinstance(event, p.AudioStarted)] == [1, 2]


def test_further_audio_of_an_answer_causes_no_event(assembly: Assembly) -> None:
    play(assembly, live.Audio(PCM, 24_000))
    assert not assembly.upstream(live.Audio(PCM, 24_000), 10)


def test_a_typed_text_is_a_whole_turn_with_its_ref(assembly: Assembly) -> None:
    out = list(assembly.typed("r1", "What does it cost?", 5))
    assert kinds(out) == ["TurnStarted", "TurnText", "TurnEnded", "AgentChanged"]
    assert assembly.picture.turns[0].ref == "r1"
    (record,), _ = assembly.take()
    assert (record.ref, record.state, record.end_ms) == ("r1", TurnState.FINAL, 5)


def test_a_very_long_answer_continues_in_another_turn(assembly: Assembly) -> None:
    words = "word " * 100
    play(assembly, *[live.OutputTranscript(words) for _ in range(40)], live.TurnComplete())
    texts = [turn.text for turn in assembly.picture.turns]
    assert "".join(texts) == words * 40
    assert all(len(text) <= p.TURN_CHARS for text in texts)


def test_a_cut_silences_and_closes_what_was_open(assembly: Assembly) -> None:
    play(assembly, live.Audio(PCM, 24_000), live.OutputTranscript("I was just"))
    out = list(assembly.cut(99))
    assert kinds(out) == ["Interrupted", "TurnEnded", "AgentChanged"]
    assert turns(assembly) == [("agent", "I was just", "interrupted")]


def test_what_is_put_back_does_not_replace_what_is_newer(assembly: Assembly) -> None:
    play(assembly, live.OutputTranscript("old"))
    taken = assembly.take()
    play(assembly, live.OutputTranscript(" new"))
    assembly.put_back(*taken)
    (record,), _ = assembly.take()
    assert record.text == "old new"


def test_words_are_kept_out_of_kept_events(assembly: Assembly) -> None:
    play(assembly, live.Audio(PCM, 24_000), live.OutputTranscript("secret"), live.Interrupted())
    assembly.ended(EndReason.USER_LEFT, 10)
    _, events = assembly.take()
    assert [(event.kind, event.data) for event in events] == [
        ("interrupted", {"stream": 1}),
        ("ended", {"reason": "user-left"}),
    ]


words = st.text(min_size=0, max_size=5)
upstream_events = st.one_of(
    st.builds(live.InputTranscript, words),
    st.builds(live.OutputTranscript, words),
    st.builds(live.Text, words),
    st.just(live.Audio(PCM, 24_000)),
    st.builds(lambda active: live.VoiceActivity(active=active), st.booleans()),
    st.just(live.Interrupted()),
    st.just(live.TurnComplete()),
    st.just(live.GenerationComplete()),
    st.just(live.Unknown(b"{}")),
)


class AssemblyMachine(RuleBasedStateMachine):
    """Invariants 1 and 2: contiguous events, and snapshot + later events = fresh snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.assembly = Assembly(1, p.Picture())
        self.now = 0
        self.seen: list[p.Event] = []
        self.said = {Speaker.USER: "", Speaker.AGENT: ""}
        self.page = p.Picture()
        self.refs = 0

    def take(self, events: object) -> None:
        assert isinstance(events, list | tuple)
        for event in events:
            self.seen.append(event)
            self.page.fold(p.event_decoder.decode(p.encode(event)))

    @rule(event=upstream_events)
    def upstream(self, event: live.Event) -> None:
        self.now += 10
        if isinstance(event, live.InputTranscript):
            self.said[Speaker.USER] += event.text.replace("\0", "")
        elif isinstance(event, live.OutputTranscript | live.Text):
            self.said[Speaker.AGENT] += event.text.replace("\0", "")
        self.take(self.assembly.upstream(event, self.now))

    @rule(text=st.text(min_size=1, max_size=5))
    def typed(self, text: str) -> None:
        self.refs += 1
        self.said[Speaker.USER] += text.replace("\0", "")
        self.take(self.assembly.typed(f"r{self.refs}", text, self.now))

    @rule(state=st.sampled_from([ConversationState.LIVE, ConversationState.ROTATING]))
    def state(self, state: ConversationState) -> None:
        self.take(self.assembly.state(state, self.now))

    @rule()
    def cut(self) -> None:
        self.take(self.assembly.cut(self.now))

    @rule()
    def store(self) -> None:
        turns, _ = self.assembly.take()
        done = [turn.key for turn in turns if turn.state != TurnState.PARTIAL]
        self.take(self.assembly.saved(done, self.now))

    @rule()
    def reload(self) -> None:
        """The page comes back with a snapshot."""
        self.page = copy.deepcopy(self.assembly.picture)

    @rule(size=st.integers(0, 2000))
    def trimmed_reload(self, size: int) -> None:
        """A page that holds a trimmed snapshot agrees after trimming to the same size."""
        page = copy.deepcopy(self.assembly.picture)
        page.trim(size)
        fresh = copy.deepcopy(self.assembly.picture)
        for event in self.assembly.upstream(live.OutputTranscript("x"), self.now):
            self.said[Speaker.AGENT] += "x" if isinstance(event, p.TurnText) else ""
            self.seen.append(event)
            self.page.fold(event)
            page.fold(event)
            fresh.fold(event)
        page.trim(size)
        fresh.trim(size)
        assert page == fresh == trimmed(self.assembly.picture, size)

    @invariant()
    def events_are_contiguous(self) -> None:
        assert [event.seq for event in self.seen] == list(range(1, len(self.seen) + 1))

    @invariant()
    def the_page_shows_what_the_host_has(self) -> None:
        assert self.page == self.assembly.picture

    @invariant()
    def no_word_is_lost_or_mixed(self) -> None:
        for speaker, said in self.said.items():
            shown = [turn.text for turn in self.assembly.picture.turns if turn.speaker == speaker]
            assert "".join(shown) == said

    @invariant()
    def at_most_one_turn_a_side_is_open(self) -> None:
        open_turns = [
            turn.speaker for turn in self.assembly.picture.turns if turn.state == TurnState.PARTIAL
        ]
        assert len(open_turns) == len(set(open_turns))


def trimmed(picture: p.Picture, size: int) -> p.Picture:
    copied = copy.deepcopy(picture)
    copied.trim(size)
    return copied


TestAssemblyMachine = AssemblyMachine.TestCase


@given(st.lists(upstream_events, max_size=40))
def test_records_agree_with_the_picture(events: list[live.Event]) -> None:
    assembly = Assembly(7, p.Picture())
    play(assembly, *events)
    records, _ = assembly.take()
    shown = {turn.turn: (turn.text, turn.state) for turn in assembly.picture.turns if turn.text}
    stored = {turn.key: (turn.text, turn.state) for turn in records if turn.text}
    assert stored == shown
