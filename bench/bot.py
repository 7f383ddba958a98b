"""How fast the finished bot acks, over HTTP, beside an empty stock Bolt app in the same run.

    python -m bench.bot

`/ds ps` is a question: nothing is written before the ack. `/ds vm …` is written down before it, and
each one then is an operation of its own, carried out (here: mostly refused) in the same process.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from bench import ack
from bench.load import Target, measure
from sandbox.bot_process import BotProcess
from sandbox.slack.server import SlackSandbox
from sandbox.softlayer.server import SoftLayerSandbox

SECONDS = 5.0
_LINES = ("ps", "vm bench --cpus 1")


def main() -> None:
    """Print a line for each command and number of clients, the stock app's first."""
    ack.run(["stock-uvicorn"], SECONDS)
    with SlackSandbox() as slack, SoftLayerSandbox() as softlayer:
        environment = slack.environment | {
            "SL_ENDPOINT_URL": softlayer.url,
            "SL_USERNAME": softlayer.username,
            "SL_API_KEY": softlayer.api_key,
            "DS_TRANSPORT": "http",
        }
        for line in _LINES:
            with tempfile.TemporaryDirectory() as directory:
                _measure(line, environment, slack.signing_secret, Path(directory))


def _measure(line: str, environment: dict[str, str], secret: str, home: Path) -> None:
    """Each command meets a bot that has just started, with an empty store."""
    for clients in ack.CLIENTS:
        bot = BotProcess(environment, home / f"bot-{clients}", home / "bot.log")
        said = bot.start()
        found = re.search(r"http://[^/]+", said)
        assert found is not None, said
        target = Target(f"{found[0]}/slack/events", secret, text=line)
        try:
            measure(target, 1, 0.3)  # the first one is slower
            print(f"{'ds-bot, /ds ' + line:38} {measure(target, clients, SECONDS)}", flush=True)
        finally:
            bot.kill()


if __name__ == "__main__":
    main()
