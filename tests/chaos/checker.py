"""Holds the three sides of a conversation against each other. Pure.

Each rule yields what is wrong, in words that name the place; an empty list is a run without a
violation. The numbers are those of the invariants of docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from conversations import protocol as p
from conversations.states import Speaker, TurnState
from tests.chaos.records import Asked, Attached, Record, Shown

Finished = dict[str, tuple[Speaker, str]]


def violations(record: Record) -> list[str]:
    """Everything that is wrong with one conversation."""
    rules = (order, pictures, epochs, saved, questions, answers, reached_the_model, last_picture)
    return [f"{record.name}: {wrong}" for rule in rules for wrong in rule(record)]


# --- what the page was shown ----------------------------------------------------------------


def order(record: Record) -> Iterator[str]:
    """1: contiguous within an epoch, each event once, through every reconnect."""
    at = (0, 0)
    for shown in record.shown:
        match shown:
            case p.Snapshot(epoch=epoch, seq=seq):
                if epoch == at[0] and seq < at[1]:
                    yield f"a snapshot at {epoch}.{seq} after {at[0]}.{at[1]} was shown"
                at = (epoch, seq)
            case p.Resumed(epoch=epoch, seq=seq):
                if (epoch, seq) != at:
                    yield f"resumed at {epoch}.{seq}, the page was at {at[0]}.{at[1]}"
            case Attached():
                if (shown.epoch, shown.seq) != at:
                    yield f"the page asked for {shown.epoch}.{shown.seq}, it was at {at}"
            case _:
                if (shown.epoch, shown.seq) != (at[0], at[1] + 1):
                    yield f"event {shown.epoch}.{shown.seq} came after {at[0]}.{at[1]}"
                at = (shown.epoch, shown.seq)


def epochs(record: Record) -> Iterator[str]:
    """4: whoever was replaced as host is never heard again, and a new host begins anew."""
    highest, has_snapshot = 0, set[int]()
    for shown in record.shown:
        if isinstance(shown, Attached):
            continue
        if shown.epoch < highest:
            yield f"epoch {shown.epoch} spoke after epoch {highest}"
        highest = max(highest, shown.epoch)
        if isinstance(shown, p.Snapshot):
            has_snapshot.add(shown.epoch)
        elif shown.epoch not in has_snapshot:
            yield f"epoch {shown.epoch} began without a snapshot"
            has_snapshot.add(shown.epoch)


def pictures(record: Record) -> Iterator[str]:
    """2: a snapshot is what the events before it come to."""
    picture, at = p.Picture(), (0, 0)
    finished: Finished = {}
    for shown in record.shown:
        match shown:
            case p.Snapshot(epoch=epoch, seq=seq, state=state):
                if (epoch, seq) == at != (0, 0):
                    yield from differences(picture, state, f"{epoch}.{seq}")
                yield from lost(finished, state, f"{epoch}.{seq}")
                picture, at = copy_of(state), (epoch, seq)
            case Attached() | p.Resumed():
                continue
            case _:
                picture.fold(shown)
                at = (shown.epoch, shown.seq)
        finished |= saved_in(picture)


def differences(folded: p.Picture, fresh: p.Picture, where: str) -> Iterator[str]:
    """Of the turns that both show: a snapshot may leave the oldest out."""
    shown = {turn.turn: turn for turn in folded.turns}
    for turn in fresh.turns:
        if shown.get(turn.turn) != turn:
            yield f"the snapshot at {where} shows turn {turn.turn} otherwise than its events"
    if folded.state != fresh.state:
        yield f"the snapshot at {where} is {fresh.state}, its events came to {folded.state}"


def lost(finished: Finished, fresh: p.Picture, where: str) -> Iterator[str]:
    """3: what was shown as saved is in every later snapshot, word for word."""
    there = {turn.turn: (turn.speaker, turn.text) for turn in fresh.turns}
    for key, said in finished.items():
        if key not in there and not fresh.earlier:
            yield f"turn {key} was shown as saved and is not in the snapshot at {where}"
        elif key in there and there[key] != said:
            yield f"turn {key} was shown as saved and reads otherwise in the snapshot at {where}"


def saved_in(picture: p.Picture) -> Finished:
    return {turn.turn: (turn.speaker, turn.text) for turn in picture.turns if turn.saved}


def copy_of(picture: p.Picture) -> p.Picture:
    """Another one, so that folding on does not change what the record holds."""
    return p.Picture(
        state=picture.state,
        agent=picture.agent,
        turns=[
            p.TurnPicture(
                turn=turn.turn,
                speaker=turn.speaker,
                state=turn.state,
                text=turn.text,
                saved=turn.saved,
                ms=turn.ms,
                ref=turn.ref,
            )
            for turn in picture.turns
        ],
        earlier=picture.earlier,
        warnings=list(picture.warnings),
        ended=picture.ended,
    )


# --- what the database holds ----------------------------------------------------------------


def saved(record: Record) -> Iterator[str]:
    """3: what a user was shown as saved is committed, word for word."""
    stored = {turn.key: turn for turn in record.stored}
    for key, (speaker, text) in ever_saved(record.shown).items():
        turn = stored.get(key)
        if turn is None:
            yield f"turn {key} was shown as saved and is not stored"
        elif (turn.speaker, turn.text) != (speaker, text):
            yield f"turn {key} was shown as saved and is stored with other words"
        elif turn.state == TurnState.PARTIAL:
            yield f"turn {key} was shown as saved and is stored as unfinished"


def ever_saved(shown: Iterable[Shown]) -> Finished:
    picture, found = p.Picture(), Finished()
    for each in shown:
        match each:
            case p.Snapshot(state=state):
                picture = copy_of(state)
            case Attached() | p.Resumed():
                continue
            case _:
                picture.fold(each)
        found |= saved_in(picture)
    return found


def last_picture(record: Record) -> Iterator[str]:
    """What the page shows in the end is what is stored."""
    if record.last is None:
        return
    stored = {turn.key: turn.text for turn in record.stored}
    for turn in record.last.turns:
        if turn.text and stored.get(turn.turn) != turn.text:
            yield f"turn {turn.turn} is shown in the end and not stored like that"


# --- questions and answers ------------------------------------------------------------------


def questions(record: Record) -> Iterator[str]:
    """Each typed text is in the transcript once, in order."""
    found = [turn.ref for turn in record.stored if turn.ref]
    for asked in record.asked:
        if asked.ref and (times := found.count(asked.ref)) != 1:
            yield f"text {asked.ref} is {times} times in the transcript"
    if not in_order(found, [asked.ref for asked in kept(record) if asked.ref]):
        yield "the user's texts are not in the order in which they were typed"


def answers(record: Record) -> Iterator[str]:
    """4: each text is answered at most once, and in order."""
    spoken = [turn for turn in record.stored if turn.speaker == Speaker.AGENT]
    tags = [asked.tag for asked in record.asked]
    for tag in tags:
        turns = [turn.key for turn in spoken if tag in turn.text]
        if len(turns) > 1:
            yield f"{tag} was answered in the turns {' and '.join(turns)}"
    # One answer may take up several questions: those that were put again after a cut.
    found = [(tag, turn.key) for turn in spoken for tag in tags if tag in turn.text]
    ordered = [asked.tag for asked in kept(record)]
    if not in_order([tag for tag, _ in found], ordered):
        yield f"the answers are not in the order of the questions: {backwards(found, tags)}"


def kept(record: Record) -> list[Asked]:
    """The questions whose place is certain: one that was said again comes when it comes."""
    return [asked for asked in record.asked if asked.ref not in record.again]


def backwards(found: Sequence[tuple[str, str]], tags: Sequence[str]) -> str:
    """The first answer that came after a later one's."""
    for (earlier, there), (tag, here) in pairwise(found):
        if tags.index(tag) < tags.index(earlier):
            return f"{tag} in turn {here} after {earlier} in turn {there}"
    return ""


def reached_the_model(record: Record) -> Iterator[str]:
    """4: each typed text reached the model, first ones first."""
    typed = [asked.tag for asked in record.asked if asked.ref]
    heard = [*record.received, *record.told]
    for tag in typed:
        if not any(tag in text for text in heard):
            yield f"{tag} never reached the model"
    first = dict.fromkeys(tag for text in record.received for tag in typed if tag in text)
    if not in_order(list(first), [asked.tag for asked in kept(record)]):
        yield "the model got the user's texts in another order"


def in_order(found: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether those of `wanted` that were found, each where it comes first, are in order."""
    places = {name: place for place, name in enumerate(wanted)}
    order = [places[name] for name in dict.fromkeys(found) if name in places]
    return order == sorted(order)
