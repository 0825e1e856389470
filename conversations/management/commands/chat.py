"""`manage.py chat`: talk to Gemini Live, or to an agent of Parley, from a terminal or a pipe."""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations.chat import parley, sound_card
from conversations.chat.screen import Screen
from conversations.chat.script import Chat, Ear
from conversations.chat.signing_in import signed_in
from conversations.chat.talk import ChatError, GeminiTalk, Talk
from conversations.chat.typed import lines
from conversations.chat.wav import Recording, Taped
from conversations.protocol import INPUT_RATE_HZ
from live import Auth, Endpoint, LiveError, SessionConfig, auth_from_environment, connect

KEY_VARIABLE = "PARLEY_API_KEY"
DEFAULT_MODEL = "gemini-3.8-live"


class Command(BaseCommand):
    help = (
        "Talk to Gemini Live, with the credential of the environment, or to an agent of a Parley. "
        "Reads lines from standard input, until its end or /quit, unless told what to say."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        gemini = parser.add_argument_group("straight to Gemini Live")
        gemini.add_argument("--model", default=DEFAULT_MODEL, help=f"default: {DEFAULT_MODEL}")
        gemini.add_argument("--voice", default="", help="name of a prebuilt voice")
        gemini.add_argument("--system", default="", metavar="TEXT", help="the system instruction")
        gemini.add_argument("--base-url", metavar="URL", help="default: GEMINI_BASE_URL")
        gemini.add_argument(
            "--vertex",
            action="store_true",
            help="Vertex AI, with GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION",
        )
        gemini.add_argument(
            "--sign-in",
            type=Path,
            metavar="FILE",
            help="sign in with the browser; FILE is an OAuth client's, for desktop apps",
        )
        gemini.add_argument(
            "--no-browser", action="store_true", help="sign in with a browser elsewhere"
        )
        ours = parser.add_argument_group("through Parley")
        ours.add_argument("--parley", metavar="URL", help="Parley's own address")
        ours.add_argument("--agent", metavar="ID", help="the agent to talk to")
        ours.add_argument(
            "--key",
            help=f"an API key that may talk; better in {KEY_VARIABLE}, which ps never shows",
        )
        talk = parser.add_argument_group("the talk")
        talk.add_argument("--say", action="append", metavar="TEXT", help="may be repeated")
        talk.add_argument("--wav-in", type=Path, metavar="FILE", help="say this: 16-bit mono")
        talk.add_argument("--fast", action="store_true", help="send FILE faster than real time")
        talk.add_argument("--wav-out", type=Path, metavar="FILE", help="the answers' sound")
        talk.add_argument(
            "--microphone", action="store_true", help="speak and listen (sounddevice)"
        )
        talk.add_argument(
            "--patience",
            type=float,
            default=60.0,
            metavar="SECONDS",
            help="how long the other side may be silent while we wait for it; default: 60",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(self.chat(options))
        except (LiveError, ChatError) as error:
            raise CommandError(" ".join(str(error).split())) from None
        except KeyboardInterrupt:
            pass  # before there was anything to close
        except BrokenPipeError:
            # Python would complain once more when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None

    async def chat(self, options: dict[str, Any]) -> None:
        """The whole talk. Raises LiveError or ChatError."""
        with contextlib.ExitStack() as files:
            sources = _Sources(options, files)
            with _ended_by_signals():
                talk = await _open(options, self.stderr.write)
                await self._hold(talk, sources, options)

    async def _hold(self, talk: Talk, sources: "_Sources", options: dict[str, Any]) -> None:
        screen = Screen(self._write, talk.name, typing=sources.is_typed and sys.stdin.isatty())
        chat = Chat(talk, screen, sources.ears, patience=options["patience"])
        try:
            await chat.hold(sources.script(chat))
        finally:
            self._write(f"{talk.summary()}\n")

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()


class _Sources:
    """What is said and where the answer goes, as the options want it; files are open.

    Raises ChatError for what cannot be used: before anything is connected.
    """

    def __init__(self, options: dict[str, Any], files: contextlib.ExitStack) -> None:
        self._texts: list[str] = options["say"] or []
        self._fast: bool = options["fast"]
        self._package = sound_card.load() if options["microphone"] else None
        self._loudspeaker = sound_card.Loudspeaker()
        self._recording = Recording(options["wav_in"]) if options["wav_in"] else None
        if self._recording is not None and options["parley"]:
            self._recording.expect_rate(INPUT_RATE_HZ)
        self.ears: list[Ear] = [self._loudspeaker] if self._package else []
        if options["wav_out"]:
            self.ears.append(Taped(options["wav_out"]))
        for ear in self.ears:
            files.callback(ear.close)

    @property
    def is_typed(self) -> bool:
        return not (self._texts or self._recording or self._package)

    async def script(self, chat: Chat) -> None:
        if self._recording is not None:
            await chat.speak(self._recording, fast=self._fast)
        await chat.say(self._texts)
        if self._package is not None:
            await sound_card.converse(self._package, chat.talk, self._loudspeaker)
        if self.is_typed:
            await chat.converse(lines(sys.stdin.fileno()), at_once=sys.stdin.isatty())


async def _open(options: dict[str, Any], tell: Callable[[str], object]) -> Talk:
    if options["parley"]:
        key = options["key"] or os.environ.get(KEY_VARIABLE, "")
        if not key or not options["agent"]:
            raise ChatError(
                f"--parley wants --agent ID and a key: set {KEY_VARIABLE}, or give --key."
            )
        return await parley.open_talk(options["parley"], options["agent"], key)
    endpoint = _endpoint(options)
    auth = await _auth(options, endpoint, tell)
    config = SessionConfig(
        model=options["model"], voice=options["voice"], system_instruction=options["system"]
    )
    return GeminiTalk(await connect(endpoint, auth, config), options["model"])


async def _auth(options: dict[str, Any], endpoint: Endpoint, tell: Callable[[str], object]) -> Auth:
    if not options["sign_in"]:
        return auth_from_environment(os.environ, Path.home(), endpoint)
    return await signed_in(options["sign_in"], endpoint, tell, browser=not options["no_browser"])


def _endpoint(options: dict[str, Any]) -> Endpoint:
    if not options["vertex"]:
        return Endpoint.developer(options["base_url"] or settings.GEMINI_BASE_URL)
    names = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION")
    if missing := [name for name in names if not os.environ.get(name)]:
        raise ChatError(f"--vertex wants {' and '.join(missing)} in the environment. Set it.")
    project, location = (os.environ[name] for name in names)
    return Endpoint.vertex(project, location, options["base_url"])


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block politely: with a close frame, and no error."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        if task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not stopped:
            raise
