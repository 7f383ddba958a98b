"""Keeps the catalogues in step with the code: `make texts`.

A message is the sentence in `Text("…")` or `msgid("…")`, or the two in `counted("…", "…")`. One
that is only places, such as `{link}`, is the same in all languages and is left out.
"""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.replies.texts import CATALOGUES, LANGUAGES

ROOT = Path(__file__).parents[2]
_PACKAGES = ("bot", "handlers", "config")
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"Text": None, "msgid": None, "counted": (1, 2)}

# Without dates and names, which would change with every run.
_HEADER = """msgid ""
msgstr ""
"Project-Id-Version: ds-bot\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {forms}\\n"

"""


def messages_in_code(root: Path = ROOT) -> Catalog:
    """Every message of the code, with the files that it is in."""
    found = Catalog()
    for package in _PACKAGES:
        for path, _, message, _, _ in extract_from_dir(root / package, keywords=_KEYWORDS):
            first = message if isinstance(message, str) else message[0]
            if re.search(r"\w", re.sub(r"\{\w+\}", "", first)):
                found.add(message, locations=[(f"{package}/{path}", 0)])
    return found


def update(language: str) -> list[str]:
    """Write the catalogue of a language anew: new messages are empty, unused ones are left out.

    Gives the messages that have no translation yet.
    """
    path = CATALOGUES / f"{language}.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    catalogue.update(messages_in_code(), no_fuzzy_matching=True, update_creation_date=False)
    # In one go: a catalogue that is read half written would lose its translations.
    written = path.with_suffix(".po.new")
    with written.open("wb") as file:
        file.write(_HEADER.format(language=language, forms=catalogue.plural_forms).encode())
        write_po(
            file,
            catalogue,
            width=100,
            omit_header=True,
            sort_output=True,
            ignore_obsolete=True,
            include_lineno=False,
        )
    written.replace(path)
    return [str(message.id) for message in catalogue if message.id and not _is_translated(message)]


def _is_translated(message: Message) -> bool:
    strings = [message.string] if isinstance(message.string, str) else message.string or [""]
    return all(strings)


def main() -> None:
    """Update the catalogue of every language but that of the code."""
    missing = {language: update(language) for language in LANGUAGES if language != "en"}
    for language, messages in missing.items():
        for message in messages:
            print(f"{language}: no translation: {message}")  # noqa: T201


if __name__ == "__main__":
    main()
