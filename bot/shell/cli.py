"""`ds-bot shell`: the commands of `/ds` typed in a terminal, or run by a script."""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bot.errors import ConfigError
from bot.models import LOCAL_TEAM, Text
from bot.shell.carrier import Carrier, Carrying
from bot.shell.documents import Documents
from bot.shell.parts import Guest, Parts
from bot.shell.prompt import scripted_lines, typed_lines
from bot.shell.results import Result, Status
from bot.shell.saving import save
from bot.shell.screen import Screen
from bot.shell.session import Session, line_of
from bot.shell.terminal import Terminal, console_on
from config.settings import Settings, load_settings, missing_for_serve
from handlers.grammar import Grammar

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,31}")
_LOG_BYTES = 1_000_000
_LOOK_S = 0.5

EPILOG = """\
Without WORDS it reads commands: from the prompt (Ctrl-C stops waiting, Ctrl-D ends), or from
standard input, where it stops at the first that does not end well.

exit status: 0 done, 1 failed or refused, 2 not understood, 3 still under way"""


def main(argv: list[str]) -> int:
    """Run one command, or all that are typed; gives the exit status (see EPILOG)."""
    parser = _parser()
    args = parser.parse_args(argv)
    words, is_json = _without_json(args.words) if args.words else ([], args.json)
    name = _name(args.user, parser)
    try:
        settings = load_settings()
        missing = missing_for_serve(settings.env, "terminal")
        if missing:
            raise ConfigError(missing)
        _log_to_file(settings.env.ds_home)
        parts = Parts(settings)
    except (ConfigError, OSError, SQLAlchemyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show a sign shows `?`
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    shell = _Shell(parts, settings, name, is_json=args.json or is_json, output=args.output)
    try:
        return _ended(shell.run(words), shell.close())
    except BrokenPipeError:  # `… | head`: whoever read has enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return _ended(1, shell.close())


class _Shell:
    """One run of `ds-bot shell`."""

    def __init__(
        self, parts: Parts, settings: Settings, name: str, *, is_json: bool, output: str | None
    ) -> None:
        language = _language()
        self._parts = parts
        self._grammar = parts.core.grammar
        self._output = output
        self._terminal = Terminal(console_on(sys.stdout), console_on(sys.stderr), language)
        self._screen: Screen = Documents(sys.stdout) if is_json else self._terminal
        self._is_json = is_json
        self._carrier = Carrier(parts.lookout, parts.core.operation_store, lambda: Guest(settings))
        self._session = Session(
            parts.core, parts.clock, self._carrier, self._screen, name, language
        )

    def run(self, words: Sequence[str]) -> int:
        """The exit status of the command, or of the last of several."""
        if words:
            return self._done(line_of(words, self._takes_code)).status.exit_status
        if sys.stdin.isatty():
            return self._converse()
        return self._follow(scripted_lines())

    def close(self) -> bool:
        """Whether everything has ended; else the process must."""
        if self._carrier.carrying is Carrying.SELF and self._unfinished():
            self._screen.say(Text("Ending the step that is under way…"))
        try:
            self._carrier.close()
        except KeyboardInterrupt:
            return False
        if not self._carrier.is_stuck:
            self._parts.close()
        return not self._carrier.is_stuck

    def _converse(self) -> int:
        home = self._parts.settings.env.ds_home
        self._session.stays = True
        self._screen.say(Text("`help` lists the commands. Ctrl-C stops waiting, Ctrl-D ends."))
        if self._unfinished():
            self._carrier.wake()
        self._show_news()
        for line in typed_lines(self._grammar, home):
            self._done(line)
            if self._carrier.is_stuck:
                return Status.UNDER_WAY.exit_status
            self._show_news()
        self._wait_for_own_work()
        return 0

    def _follow(self, lines: Iterable[str]) -> int:
        for line in lines:
            status = self._done(line).status
            if status is not Status.DONE:
                return status.exit_status
        return 0

    def _done(self, line: str) -> Result:
        result = self._session.do(line)
        saved = []
        try:
            saved = [save(each, self._output) for each in result.files]
        except OSError as error:
            text = Text("It could not be written: {why}", why=str(error))
            self._screen.say(text)
            result = replace(result, status=Status.FAILED)
        result = replace(result, saved=saved)
        if saved != ["-"] or self._is_json:
            self._screen.show(result)
        return result

    def _show_news(self) -> None:
        """What ended, or was said, while nobody looked."""
        if self._is_json:
            return
        news = self._session.unseen()
        for message in news:
            self._terminal.show_message(message)
        for file in self._session.files_of(news):
            with suppress(OSError):
                save(file, self._output)
        self._session.saw(news)

    def _wait_for_own_work(self) -> None:
        """What only this process carries out is not left lying when somebody leaves."""
        if self._carrier.carrying is not Carrying.SELF or not self._unfinished():
            return
        self._screen.say(
            Text("No bot runs, so this goes on here until it has ended. Ctrl-C leaves it to the"
                 " next ds-bot.")
        )  # fmt: skip
        waiting = threading.Event()
        with suppress(KeyboardInterrupt):
            while self._unfinished() and self._carrier.carrying is Carrying.SELF:
                waiting.wait(_LOOK_S)
        self._show_news()

    def _unfinished(self) -> list[str]:
        return self._parts.core.operation_store.unfinished(LOCAL_TEAM)

    def _takes_code(self, word: str) -> bool:
        return takes_code(self._grammar, word)


def takes_code(grammar: Grammar, word: str) -> bool:
    """Whether what follows a command is code, which is left as it was typed."""
    command = grammar.find([word])
    return command is not None and bool(command.code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ds-bot shell",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON document per command")
    parser.add_argument("--user", metavar="NAME", help="who you are here; default: your login")
    parser.add_argument(
        "--output",
        metavar="PATH",
        help="where files go: a directory, a file, or - for standard output",
    )
    parser.add_argument(
        "words", metavar="WORDS", nargs=argparse.REMAINDER, help="one command, such as: ps -l"
    )
    return parser


def _without_json(words: Sequence[str]) -> tuple[list[str], bool]:
    """`--json` may also stand behind the command: no command has an option of that name."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word != "--json"]
    return [*kept, *words[end:]], len(kept) < end


def _name(asked: str | None, parser: argparse.ArgumentParser) -> str:
    """A name that is part of ids: lower-case letters, digits, `_`, `.` and `-`, at most 32."""
    if asked is not None:
        if not _NAME.fullmatch(asked.lower()):
            parser.error("--user: 1 to 32 of the letters a-z, digits, `_`, `.` and `-`")
        return asked.lower()
    login = os.environ.get("SUDO_USER") if os.getuid() == 0 else None
    if not login:
        try:
            login = getpass.getuser()
        except (KeyError, OSError):  # a user that the machine has no name for
            login = f"uid{os.getuid()}"
    return re.sub(r"[^a-z0-9_.-]", "-", login.lower()).lstrip(".-")[:32] or f"uid{os.getuid()}"


def _language() -> str:
    """Of the terminal: LC_ALL, LC_MESSAGES or LANG, the first that is set (POSIX, 8.2)."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "ko" if next(filter(None, names), "").lower().startswith("ko") else "en"


def _log_to_file(home: Path) -> None:
    """What would be in the bot's log goes to `shell.log`: the screen is for answers."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "shell.log"
    path.touch(mode=0o600)
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("apscheduler", "urllib3", "paramiko", "dbos", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _ended(status: int, is_over: bool) -> int:
    """The exit status. A question that a dead VM never answers must keep nobody here."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    logging.shutdown()
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    if not is_over or any(not each.daemon for each in others):
        os._exit(status)
    return status
