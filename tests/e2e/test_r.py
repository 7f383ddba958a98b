"""R in the channel for real: the plot is a picture, and whatever the code does, it is ended within
its limits, with an answer, while the VM and its other containers go on."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from bot.services.r_report import is_picture
from sandbox.bot_process import BotProcess
from sandbox.outside import Outside, address_in, page_at, url_in
from sandbox.slack.records import Message
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import APP_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

VM = "r-e2e"
TIME_S = 12
RUN_S = 150.0  # a busy machine's; the limit itself is checked inside
LIMITS = f"r: {{time: {TIME_S}s, memory_mb: 384, disk_mb: 64, keep_mb: 8, processes: 64}}\n"


@pytest.fixture(scope="module")
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path_factory.mktemp("r"), policy=LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def jane(world: World, bot: BotProcess) -> Iterator[Typist]:
    typist = Typist(world.slack, JANE, PLATFORM, print)
    yield typist
    typist.do(f"vm cancel {VM}", "is cancelled", VM_S)


@pytest.fixture(scope="module")
def address(jane: Typist) -> str:
    return address_in(jane.do(f"vm {VM}", "is ready", VM_S).text)


@pytest.fixture(scope="module")
def neighbour(jane: Typist, address: str) -> str:
    """Address of a page in another container on the same VM."""
    return url_in(jane.do(f"shiny on {VM}", "is ready", APP_S).text)


@pytest.fixture
def outside(world: World, address: str, neighbour: str) -> Iterator[Outside]:
    """Nobody but the code has suffered from a test."""
    looking = Outside(world)
    before = looking.containers_on(address)
    yield looking
    assert looking.containers_on(address) == before
    assert "r-" not in looking.run_on_vm(address, "docker ps --all --format '{{.Names}}'")
    assert page_at(neighbour)[0] == 200
    assert looking.run_on_vm(address, "pgrep -f '[/]tmp/code.R' || echo none") == "none"


def run(jane: Typist, code: str, expected: str, flags: str = "") -> Message:
    return jane.do(f"r {flags}on {VM} -- {code}", expected, RUN_S)


def shown(card: Message) -> str:
    """The paragraphs of a card, without what Slack escapes."""
    text = "\n".join(block["text"]["text"] for block in card.blocks if block["type"] == "section")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def pictures(world: World, card: Message) -> list[bytes]:
    """The files of a card's pictures."""
    ids = [block["slack_file"]["id"] for block in card.blocks if block["type"] == "image"]
    pages = [f"{world.slack.api_url.removesuffix('/api/')}/files-pri/T-{each}/it" for each in ids]
    allowed = {"Authorization": f"Bearer {world.slack.bot_token}"}
    return [urlopen(Request(page, headers=allowed), timeout=10).read() for page in pages]


def test_a_plot_is_a_picture_in_the_message(world: World, jane: Typist, outside: Outside) -> None:
    card = run(jane, "plot(cars); hist(cars$dist); summary(cars)", "R is done.")

    assert "Min.   : 4.0" in shown(card) and "plot(cars)" in shown(card)
    drawn = pictures(world, card)
    assert len(drawn) == 2 and all(is_picture(each) for each in drawn)
    assert all("plot(cars)" in b["alt_text"] for b in card.blocks if b["type"] == "image")


def test_korean_and_curly_quotes_work(jane: Typist, outside: Outside) -> None:
    card = run(jane, "x &lt;- “한글”; toupper(x); nchar(x)", "R is done.")

    assert '[1] "한글"\n[1] 2' in shown(card)


def test_an_error_is_shown_as_r_says_it(jane: Typist, outside: Outside) -> None:
    card = run(jane, "warning('careful'); stop('no such thing')", "R stopped at an error.")

    assert "careful" in shown(card) and "Error: no such thing" in shown(card)


ABUSES = {
    "a fork bomb": ("system(\"bash -c ':(){ :|:& };:; wait'\")", "more than 64 processes"),
    "children without end": ("while (TRUE) system('sleep 100 &')", "more than 64 processes"),
    "10 GB of allocation": ("x <- raw(1e10); x[] <- as.raw(1)", ""),
    "memory bit by bit": ("x <- list(); repeat x <- c(x, rnorm(1e6))", "384 MB of memory"),
    "an endless loop": ("plot(1); repeat {}", f"R was ended after {TIME_S}s"),
    "one that ignores being asked": (
        "repeat tryCatch(repeat {}, interrupt = function(e) NULL)", f"ended after {TIME_S}s"
    ),
    "the network": ("system('curl http://example.com'); url('http://1.1.1.1', 'r')", "stopped at"),
    "100 MB of output": ("cat(strrep('x', 1e8))", "It printed 100.0 MB"),
    "output without end": ("repeat cat('all work and no play\\n')", f"ended after {TIME_S}s"),
    "quit()": ("plot(1); quit()", "R is done."),
    "quit(status = 7)": ("quit(status = 7)", "exit code 7"),
    "files without end": (
        "f <- file('big', 'wb'); repeat writeBin(raw(1e6), f)", "64 MB for files were full"
    ),
    "many files": ("for (i in 1:1e6) file.create(paste0('f', i))", f"ended after {TIME_S}s"),
    "killing all it can": ("system('kill -9 1; kill -9 -1')", "killed by signal 9"),
    "a crash": ("tools::pskill(Sys.getpid(), 11)", "killed by signal 11"),
    "leaving the container": (
        "cat(file.exists('/var/run/docker.sock'), try(writeLines('x', '/etc/x')))",
        "R is done.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("abuse", ABUSES)
def test_whatever_the_code_does_it_ends_with_an_answer(
    jane: Typist, outside: Outside, abuse: str
) -> None:
    code, expected = ABUSES[abuse]

    card = run(jane, code.replace("&", "&amp;").replace("<", "&lt;"), expected or "R ")

    assert expected or "cannot allocate" in shown(card) or "384 MB of memory" in shown(card)
    took = re.search(r"Run the code · done in (?:(\d+)m )?(\d+)s", str(card.blocks))
    assert took, card.blocks
    assert int(took[1] or 0) * 60 + int(took[2]) <= TIME_S + 15


def test_no_file_of_the_code_reaches_the_vms_disk(
    jane: Typist, outside: Outside, address: str
) -> None:
    """Neither files nor output: what is measured is all that the engine has on the disk."""
    measure = "du --one-file-system --summarize --block-size=1M /var/lib/docker | cut -f1"
    before = int(outside.run_on_vm(address, measure))
    place = jane.begin(
        f"r on {VM} -- f &lt;- file('big', 'wb'); repeat {{ writeBin(raw(1e6), f); cat(letters) }}"
    )

    most, is_running = before, True
    while is_running:
        most = max(most, int(outside.run_on_vm(address, measure)))
        is_running = "R was ended" not in jane.card(place).text
        threading.Event().wait(0.3)

    jane.ended(place, "64 MB for files were full", RUN_S)
    assert most - before < 25


def test_there_is_no_way_out(jane: Typist, outside: Outside, address: str) -> None:
    """Not to the VM, nor to its other containers, nor to the bot."""
    code = (
        f"for (at in c('{address}', '172.17.0.1', '172.17.0.2', '169.254.169.254')) for (port in"
        " c(22, 80, 2375, 3838)) cat(class(suppressWarnings(try(socketConnection(at, port,"
        " timeout = 1), silent = TRUE)))[1], ''); cat(list.files('/sys/class/net'))"
    )

    card = run(jane, code.replace("<", "&lt;"), "R is done.")

    assert "try-error " * 16 + "lo" in shown(card)


def test_what_is_kept_goes_on_and_is_forgotten(jane: Typist, outside: Outside) -> None:
    run(jane, "x &lt;- 41", "kept for you in this channel", "--keep ")
    again = run(jane, "x &lt;- x + 1; x", "kept for you in this channel", "--keep ")
    failing = run(jane, "x &lt;- 0; stop('oh')", "What was kept before is unchanged.", "--keep ")
    large = run(jane, "y &lt;- rnorm(2e6)", "more than 8 MB", "--keep ")
    fresh = run(jane, "exists('x')", "R is done.")
    still = run(jane, "x; exists('y')", "R is done.", "--keep ")
    forgotten = jane.do(f"r --fresh on {VM}", "is forgotten", RUN_S)
    gone = run(jane, "exists('x')", "R is done.", "--keep ")

    assert "[1] 42" in shown(again)
    assert "stopped at an error" in shown(failing) and "not kept" in shown(large)
    assert "[1] FALSE" in shown(fresh)
    assert "[1] 42\n[1] FALSE" in shown(still)
    assert "[1]" not in shown(forgotten)
    assert "[1] FALSE" in shown(gone)


def test_what_is_kept_cannot_be_filled_by_the_code(
    jane: Typist, outside: Outside, address: str
) -> None:
    card = run(
        jane, "system('touch /keep/a; rm -rf /keep; chmod 777 /keep')", "R is done.", "--keep "
    )

    assert shown(card).count("Permission denied") + shown(card).count("not permitted") >= 2
    kept = outside.run_on_vm(address, "ls $(docker volume inspect -f '{{.Mountpoint}}'"
                                      " $(docker volume ls -q | grep ds-r-))").split()  # fmt: skip
    assert sorted(kept) == ["lock", "workspace.RData"]


def test_two_runs_that_keep_lose_nothing(jane: Typist, outside: Outside) -> None:
    jane.do(f"r --keep --fresh on {VM} -- n &lt;- 0", "kept for you", RUN_S)

    places = [jane.begin(f"r --keep on {VM} -- n &lt;- n + 1; Sys.sleep(1)") for _ in range(3)]
    for place in places:
        jane.ended(place, "kept for you", RUN_S)

    assert "[1] 3" in shown(run(jane, "n", "R is done.", "--keep "))
