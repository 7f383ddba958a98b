"""What every Chat must do: the one in memory, and Slack's over the wire to its sandbox."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import pytest

from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess
from bot.errors import ChatRefused, ChatUnknown
from bot.models import Member, MessageRef
from bot.ports import Blocks, Chat
from sandbox.slack import Rules, SlackSandbox
from sandbox.slack.manifest import DEFAULT_MANIFEST
from tests.fakes.chat import FakeChat
from tests.fakes.clock import FakeClock

GENERAL, SHINY, ARCHIVED, NOWHERE = "C0GENERAL", "C0SHINY", "C0OLD", "C0NOWHERE"
JANE, JIHOON, GUEST, GONE, NOBODY = "U0JANE", "U0JIHOON", "U0GUEST", "U0GONE", "U0NOBODY"
MINUTE = timedelta(minutes=1)


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def modal(text: str) -> dict[str, Any]:
    title = {"type": "plain_text", "text": "A form"}
    return {"type": "modal", "title": title, "blocks": [section(text)]}


class Share(NamedTuple):
    """A file in a conversation."""

    thread_ts: str | None
    name: str
    content: bytes
    comment: str


class World(Protocol):
    """A chat, and what a test may see of it and do to it behind its back."""

    clock: FakeClock

    @property
    def chat(self) -> Chat: ...

    def texts(self, channel_id: str) -> list[str]:
        """What the bot's messages in a channel say now, oldest first."""

    def block_texts(self, ref: MessageRef) -> list[str]:
        """The texts of a message's sections."""

    def wait_for_text(self, ref: MessageRef, text: str) -> None:
        """Return when the message says so."""

    def lose_answer(self, method: str) -> None:
        """Have the next call of a port's method done, and its answer lost."""

    def silence(self, method: str) -> None:
        """Have no call of a port's method answered any more."""

    def delete(self, ref: MessageRef) -> None:
        """Somebody deletes the message."""

    def response_url(self) -> str:
        """The response_url of a command that Jane has just typed."""

    def replies(self) -> list[str]:
        """What only Jane sees, oldest first."""

    def trigger(self) -> str:
        """The trigger id of what Jane has just done."""

    def modal_texts(self) -> list[str]:
        """The texts in the modal that Jane has open."""

    def close_modals(self) -> None:
        """Jane closes it."""

    def home_texts(self) -> list[str]:
        """The texts in Jane's App Home."""

    def file(self, file_id: str) -> tuple[str, bytes, str]:
        """Name, content and alternative text of an uploaded file."""

    def shares(self, channel_id: str) -> list[Share]:
        """The files in a conversation, oldest first."""


class FakeWorld:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.chat = FakeChat(self.clock)
        self.chat.closed = {
            SHINY: "not_in_channel",
            ARCHIVED: "is_archived",
            NOWHERE: "channel_not_found",
        }

    def texts(self, channel_id: str) -> list[str]:
        return [message.text for message in self.chat.messages.get(channel_id, [])]

    def block_texts(self, ref: MessageRef) -> list[str]:
        return _texts_of(self.chat.message(ref).blocks)

    def wait_for_text(self, ref: MessageRef, text: str) -> None:
        assert self.chat.message(ref).text == text

    def lose_answer(self, method: str) -> None:
        self.chat.lose_answer(method)

    def silence(self, method: str) -> None:
        self.chat.fail(method, ChatUnknown("no answer"), times=99)

    def delete(self, ref: MessageRef) -> None:
        self.chat.delete(ref)

    def response_url(self) -> str:
        return self.chat.issue_response_url()

    def replies(self) -> list[str]:
        return [reply.text for reply in self.chat.replies]

    def trigger(self) -> str:
        return self.chat.issue_trigger()

    def modal_texts(self) -> list[str]:
        [view] = self.chat.views.values()
        return _texts_of(view["blocks"])

    def close_modals(self) -> None:
        for view_id in list(self.chat.views):
            self.chat.close_view(view_id)

    def home_texts(self) -> list[str]:
        return _texts_of(self.chat.homes[JANE]["blocks"])

    def file(self, file_id: str) -> tuple[str, bytes, str]:
        found = self.chat.files[file_id]
        return found.name, found.content, found.alt_text

    def shares(self, channel_id: str) -> list[Share]:
        return [
            Share(each.thread_ts, each.file.name, each.file.content, each.comment)
            for each in self.chat.shares
            if each.channel_id == channel_id
        ]


class SandboxWorld:
    """The bot may not post where it is no member; rate limits and lifetimes follow one clock."""

    _CALLS = {
        "post": "chat.postMessage",
        "find": "conversations.history",
        "open_dm": "conversations.open",
        "member": "users.info",
        "respond": "response_url",
        "open_view": "views.open",
        "update": "chat.update",
        "share": "files.completeUploadExternal",
        "publish_home": "views.publish",
    }

    def __init__(self, sandbox: SlackSandbox, clock: FakeClock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.chat = SlackChat(SlackAccess(sandbox.bot_token, sandbox.api_url), clock)

    def texts(self, channel_id: str) -> list[str]:
        return [message.text for message in self.sandbox.messages(channel_id) if message.bot_id]

    def block_texts(self, ref: MessageRef) -> list[str]:
        [message] = [m for m in self.sandbox.messages(ref.channel_id) if m.ts == ref.ts]
        return _texts_of(message.blocks)

    def wait_for_text(self, ref: MessageRef, text: str) -> None:
        self.sandbox.wait_for(
            lambda: any(
                message.ts == ref.ts and message.text == text
                for message in self.sandbox.messages(ref.channel_id)
            )
        )

    def lose_answer(self, method: str) -> None:
        self.sandbox.faults.drop_after(self._CALLS[method])

    def silence(self, method: str) -> None:
        self.sandbox.faults.drop_before(self._CALLS[method], times=99)

    def delete(self, ref: MessageRef) -> None:
        self.chat._api.once("chat.delete", {"channel": ref.channel_id, "ts": ref.ts})

    def response_url(self) -> str:
        interactions = self.sandbox._interactions
        workspace = self.sandbox._workspace
        path = self.sandbox._call(
            lambda: interactions._response_urls.issue(
                workspace.user(JANE), workspace.channel(GENERAL)
            )
        )
        return f"{self.sandbox.url}{path}"

    def replies(self) -> list[str]:
        return [message.text for message in self.sandbox.ephemerals(JANE)]

    def trigger(self) -> str:
        return self.sandbox._call(lambda: self.sandbox._interactions._triggers.issue(JANE))

    def modal_texts(self) -> list[str]:
        [view] = self.sandbox.modals(JANE)
        return _texts_of(view.blocks)

    def close_modals(self) -> None:
        for view in self.sandbox.modals(JANE):
            self.sandbox.user(JANE).close(view)

    def home_texts(self) -> list[str]:
        home = self.sandbox.home(JANE)
        assert home is not None
        return _texts_of(home.blocks)

    def file(self, file_id: str) -> tuple[str, bytes, str]:
        found = self.sandbox._workspace.files[file_id]
        assert found.is_complete
        return found.name, found.content or b"", found.alt_text

    def shares(self, channel_id: str) -> list[Share]:
        return [
            Share(message.thread_ts, *self.file(file_id)[:2], message.text)
            for message in self.sandbox.messages(channel_id)
            for file_id in message.files
        ]


def _texts_of(blocks: Blocks) -> list[str]:
    return [block["text"]["text"] for block in blocks]


def _manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = copy.deepcopy(dict(DEFAULT_MANIFEST))
    manifest["oauth_config"]["scopes"]["bot"].remove("chat:write.public")
    return manifest


@pytest.fixture(params=["fake", "slack"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    clock = FakeClock()
    rules = Rules(pacing=True, time=lambda: clock.now().timestamp())
    with SlackSandbox(_manifest(), rules=rules) as sandbox:
        world = SandboxWorld(sandbox, clock)
        yield world
        world.chat.close()


@pytest.fixture
def chat(world: World) -> Chat:
    return world.chat


@pytest.fixture
def start(world: World) -> datetime:
    """A moment before anything was posted."""
    return world.clock.now() - timedelta(seconds=5)


# --- posting and finding ---


def test_a_post_is_shown_and_its_place_is_told(world: World, chat: Chat) -> None:
    ref = chat.post(GENERAL, "Hello <@U0JANE>", [section("안녕하세요")], "op-1")

    assert ref.channel_id == GENERAL
    assert world.texts(GENERAL) == ["Hello <@U0JANE>"]
    assert world.block_texts(ref) == ["안녕하세요"]


def test_a_post_to_a_person_goes_to_their_dm_and_can_be_edited_there(
    world: World, chat: Chat
) -> None:
    """chat.update does not take a person's id: only the answer tells the right one."""
    ref = chat.post(JANE, "for you", [section("for you")], "op-1")
    chat.update(ref, "changed", [section("changed")])

    assert ref.channel_id == chat.open_dm(JANE)
    assert ref.channel_id.startswith("D")
    assert world.texts(ref.channel_id) == ["changed"]


def test_a_post_whose_answer_was_lost_is_there_once_and_found_by_its_key(
    world: World, chat: Chat, start: datetime
) -> None:
    """The recipe against double posts: look by key before posting again."""
    world.lose_answer("post")

    with pytest.raises(ChatUnknown) as caught:
        chat.post(GENERAL, "once", [section("once")], "op-lost")

    assert caught.value.is_passing
    assert world.texts(GENERAL) == ["once"]
    ref = chat.find(GENERAL, "op-lost", start)
    assert ref is not None
    chat.update(ref, "adopted", [section("adopted")])
    assert world.texts(GENERAL) == ["adopted"]


@pytest.mark.parametrize(
    ("channel_id", "code"),
    [(SHINY, "not_in_channel"), (ARCHIVED, "is_archived"), (NOWHERE, "channel_not_found")],
)
def test_a_refused_post_says_why_and_is_nowhere(
    world: World, chat: Chat, channel_id: str, code: str
) -> None:
    """The person is told in our words what to do; Slack's code is for the log."""
    with pytest.raises(ChatRefused) as caught:
        chat.post(channel_id, "hello", [section("hello")], "op-1")

    assert caught.value.code == code
    assert not caught.value.is_passing
    assert world.texts(channel_id) == []


def test_only_the_exact_key_is_found(chat: Chat, start: datetime) -> None:
    refs = {key: chat.post(GENERAL, key, [section(key)], key) for key in ("op-1", "op-10", "op")}

    assert {key: chat.find(GENERAL, key, start) for key in refs} == refs
    assert chat.find(GENERAL, "op-2", start) is None
    assert chat.find("C0DATASCI", "op-1", start) is None


def test_what_was_posted_before_is_not_found(world: World, chat: Chat) -> None:
    """A key may have been used by an earlier life of the same operation."""
    chat.post(GENERAL, "old", [section("old")], "op-1")
    world.clock.advance(MINUTE)
    later = world.clock.now()

    assert chat.find(GENERAL, "op-1", later) is None
    ref = chat.post(GENERAL, "new", [section("new")], "op-1")
    assert chat.find(GENERAL, "op-1", later) == ref


def test_a_key_is_found_in_a_dm_by_channel_and_by_person(chat: Chat, start: datetime) -> None:
    ref = chat.post(JANE, "for you", [section("for you")], "op-1")

    assert chat.find(ref.channel_id, "op-1", start) == ref
    assert chat.find(JANE, "op-1", start) == ref
    assert chat.find(JIHOON, "op-1", start) is None


def test_finding_where_the_bot_is_no_member_is_refused(chat: Chat, start: datetime) -> None:
    """Not None: that would mean that nothing was posted."""
    with pytest.raises(ChatRefused) as caught:
        chat.find(SHINY, "op-1", start)

    assert caught.value.code == "not_in_channel"


def test_a_silent_search_is_unknown(world: World, chat: Chat, start: datetime) -> None:
    """Not None: that would let the caller post a second time."""
    world.silence("find")

    with pytest.raises(ChatUnknown):
        chat.find(GENERAL, "op-1", start)


def test_many_threads_post_and_get_their_own_places(
    world: World, chat: Chat, start: datetime
) -> None:
    keys = [f"op-{number}" for number in range(12)]

    with ThreadPoolExecutor(12) as pool:
        refs = dict(
            zip(
                keys,
                pool.map(lambda key: chat.post(GENERAL, key, [section(key)], key), keys),
                strict=True,
            )
        )

    assert sorted(world.texts(GENERAL)) == sorted(keys)
    assert {key: chat.find(GENERAL, key, start) for key in keys} == refs


# --- editing ---


def test_an_update_replaces_text_and_blocks_and_keeps_the_key(
    world: World, chat: Chat, start: datetime
) -> None:
    ref = chat.post(GENERAL, "Starting", [section("Starting"), section("Wait")], "op-1")

    chat.update(ref, "Ready", [section("Ready")])

    assert world.texts(GENERAL) == ["Ready"]
    assert world.block_texts(ref) == ["Ready"]
    assert chat.find(GENERAL, "op-1", start) == ref


def test_a_message_can_be_read_as_it_is_now(world: World, chat: Chat) -> None:
    other = chat.post(GENERAL, "Other", [section("Other")], "op-0")
    ref = chat.post(GENERAL, "Starting", [section("Starting")], "op-1")
    chat.post(GENERAL, "Later", [section("Later")], "op-2")
    chat.update(ref, "Ready", [section("Ready &amp; done")])

    shown = chat.shown(ref)

    assert shown is not None and shown[0] == "Ready"
    assert [block["text"]["text"] for block in shown[1]] == ["Ready &amp; done"]
    world.delete(other)
    assert chat.shown(other) is None


def test_a_long_text_can_be_updated(world: World, chat: Chat) -> None:
    """Slack refuses more than 4,000 characters here, and here alone."""
    ref = chat.post(GENERAL, "Starting", [section("Starting")], "op-1")

    chat.update(ref, "가" * 5000, [section("Ready")])

    [text] = world.texts(GENERAL)
    assert text.startswith("가" * 3900)


def test_a_message_that_is_gone_cannot_be_updated(world: World, chat: Chat) -> None:
    ref = chat.post(GENERAL, "Starting", [section("Starting")], "op-1")
    world.delete(ref)

    with pytest.raises(ChatRefused) as caught:
        chat.update(ref, "Ready", [section("Ready")])

    assert caught.value.code == "message_not_found"


def test_progress_is_shown_in_the_end(world: World, chat: Chat) -> None:
    ref = chat.post(GENERAL, "0 %", [section("0 %")], "op-1")

    for percent in range(1, 101):
        chat.update_soon(ref, f"{percent} %", [section(f"{percent} %")])

    world.wait_for_text(ref, "100 %")
    assert world.block_texts(ref) == ["100 %"]


def test_progress_on_a_message_that_is_gone_hurts_nobody(world: World, chat: Chat) -> None:
    gone = chat.post(GENERAL, "Starting", [section("Starting")], "op-1")
    ref = chat.post(GENERAL, "Starting", [section("Starting")], "op-2")
    world.delete(gone)

    chat.update_soon(gone, "50 %", [section("50 %")])
    chat.update_soon(ref, "60 %", [section("60 %")])

    world.wait_for_text(ref, "60 %")


def test_a_final_state_stays(world: World, chat: Chat) -> None:
    """However much progress was still waiting."""
    ref = chat.post(GENERAL, "0 %", [section("0 %")], "op-1")
    for percent in range(1, 100):
        chat.update_soon(ref, f"{percent} %", [section(f"{percent} %")])

    chat.update(ref, "Ready", [section("Ready")])

    assert world.texts(GENERAL) == ["Ready"]
    world.clock.advance(MINUTE)
    other = chat.post("C0DATASCI", "0 %", [section("0 %")], "op-2")
    chat.update(other, "Ready", [section("Ready")])
    assert world.texts(GENERAL) == ["Ready"]


def test_twenty_cards_at_once_all_get_their_final_state(world: World, chat: Chat) -> None:
    """With progress on all of them that is more than a minute's worth of edits."""
    refs = [chat.post(GENERAL, "0 %", [section("0 %")], f"op-{number}") for number in range(20)]

    def work(ref: MessageRef) -> None:
        for percent in range(0, 100, 10):
            chat.update_soon(ref, f"{percent} %", [section(f"{percent} %")])
        chat.update(ref, f"Ready {ref.ts}", [section("Ready")])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, refs))

    assert world.texts(GENERAL) == [f"Ready {ref.ts}" for ref in refs]


# --- people ---


def test_a_member_speaks_a_language_and_lives_in_a_time_zone(chat: Chat) -> None:
    assert chat.member(JANE) == Member(JANE, "en", True, "America/Chicago")
    assert chat.member(JIHOON) == Member(JIHOON, "ko", True, "Asia/Seoul")


@pytest.mark.parametrize("user_id", [GUEST, GONE])
def test_a_guest_and_somebody_gone_are_no_full_members(chat: Chat, user_id: str) -> None:
    assert not chat.member(user_id).is_full_member


def test_nobody_is_refused(chat: Chat) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.member(NOBODY)

    assert caught.value.code == "user_not_found"


def test_nobody_is_let_in_while_slack_is_silent(world: World, chat: Chat) -> None:
    world.silence("member")

    with pytest.raises(ChatUnknown):
        chat.member(JANE)


def test_a_dm_is_one_and_the_same(chat: Chat) -> None:
    assert chat.open_dm(JANE) == chat.open_dm(JANE)
    assert chat.open_dm(JANE) != chat.open_dm(JIHOON)


def test_a_dm_with_nobody_is_refused(chat: Chat) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.open_dm(NOBODY)

    assert caught.value.code == "user_not_found"


# --- private answers ---


def test_an_answer_is_seen_by_the_person_alone(world: World, chat: Chat) -> None:
    url = world.response_url()

    chat.respond(url, "비밀", [section("비밀")], replace=False)
    chat.respond(url, "another", [section("another")], replace=False)

    assert world.replies() == ["비밀", "another"]
    assert world.texts(GENERAL) == []


def test_a_response_url_is_used_up_after_five_answers(world: World, chat: Chat) -> None:
    url = world.response_url()
    for number in range(5):
        chat.respond(url, f"{number}", [section(f"{number}")], replace=False)

    with pytest.raises(ChatRefused) as caught:
        chat.respond(url, "6", [section("6")], replace=False)

    assert caught.value.code == "used_url"
    assert world.replies() == ["0", "1", "2", "3", "4"]


def test_a_response_url_lives_half_an_hour(world: World, chat: Chat) -> None:
    url = world.response_url()
    world.clock.advance(31 * MINUTE)

    with pytest.raises(ChatRefused) as caught:
        chat.respond(url, "late", [section("late")], replace=False)

    assert caught.value.code == "expired_url"


def test_an_answer_that_may_be_lost_is_not_repeated(world: World, chat: Chat) -> None:
    """The person would see it twice, and one of five uses would be gone."""
    url = world.response_url()
    world.lose_answer("respond")

    with pytest.raises(ChatUnknown):
        chat.respond(url, "once", [section("once")], replace=False)

    assert world.replies() == ["once"]


# --- modals ---


def test_a_modal_is_opened_and_changed(world: World, chat: Chat) -> None:
    view_id = chat.open_view(world.trigger(), modal("Loading"))
    assert world.modal_texts() == ["Loading"]

    chat.update_view(view_id, modal("로그"))

    assert world.modal_texts() == ["로그"]


def test_a_click_opens_one_modal_only(world: World, chat: Chat) -> None:
    trigger = world.trigger()
    chat.open_view(trigger, modal("one"))

    with pytest.raises(ChatRefused) as caught:
        chat.open_view(trigger, modal("two"))

    assert caught.value.code == "exchanged_trigger_id"


def test_a_click_is_good_for_three_seconds(world: World, chat: Chat) -> None:
    trigger = world.trigger()
    world.clock.advance(timedelta(seconds=4))

    with pytest.raises(ChatRefused) as caught:
        chat.open_view(trigger, modal("late"))

    assert caught.value.code == "expired_trigger_id"


def test_a_closed_modal_cannot_be_changed(world: World, chat: Chat) -> None:
    view_id = chat.open_view(world.trigger(), modal("Loading"))
    world.close_modals()

    with pytest.raises(ChatRefused) as caught:
        chat.update_view(view_id, modal("late"))

    assert caught.value.code == "not_found"


# --- the App Home and files ---


def home(text: str) -> dict[str, Any]:
    return {"type": "home", "blocks": [section(text)]}


def test_a_home_is_published_and_replaced(world: World, chat: Chat) -> None:
    chat.publish_home(JANE, home("No VM yet"))
    assert world.home_texts() == ["No VM yet"]

    chat.publish_home(JANE, home("한 대의 VM"))

    assert world.home_texts() == ["한 대의 VM"]


def test_nobody_has_no_home(chat: Chat) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.publish_home(NOBODY, home("hello"))

    assert caught.value.code == "user_not_found"


def test_a_silent_home_is_unknown(world: World, chat: Chat) -> None:
    world.silence("publish_home")

    with pytest.raises(ChatUnknown):
        chat.publish_home(JANE, home("hello"))


def test_an_uploaded_file_is_kept_and_shown_to_nobody(world: World, chat: Chat) -> None:
    content = bytes(range(256)) * 400

    file_id = chat.upload("그림.png", content, "점 열 개")

    assert world.file(file_id) == ("그림.png", content, "점 열 개")
    assert all(world.shares(channel_id) == [] for channel_id in (GENERAL, "C0DATASCI"))


def test_a_long_alternative_text_is_cut(world: World, chat: Chat) -> None:
    """Slack takes 1,000 characters."""
    file_id = chat.upload("plot.png", b"PNG", "가" * 1500)

    _, _, alt_text = world.file(file_id)
    assert alt_text.startswith("가" * 990)
    assert len(alt_text) <= 1000


def test_an_empty_file_is_refused(chat: Chat) -> None:
    with pytest.raises(ChatRefused):
        chat.upload("empty.txt", b"", "")


def test_a_file_is_shared_in_a_channel_and_in_a_thread(world: World, chat: Chat) -> None:
    ref = chat.post(GENERAL, "Ready", [section("Ready")], "op-1")

    chat.share(GENERAL, None, "all.csv", b"1;2\n", "All of it")
    chat.share(GENERAL, ref.ts, "plot.png", b"PNG", "결과 <@U0JANE>")

    assert world.shares(GENERAL) == [
        Share(None, "all.csv", b"1;2\n", "All of it"),
        Share(ref.ts, "plot.png", b"PNG", "결과 <@U0JANE>"),
    ]


def test_a_file_is_shared_with_a_person(world: World, chat: Chat) -> None:
    chat.share(JANE, None, "all.csv", b"1;2\n", "For you")

    [shared] = world.shares(chat.open_dm(JANE))
    assert (shared.name, shared.comment) == ("all.csv", "For you")


@pytest.mark.parametrize(
    ("channel_id", "code"), [(SHINY, "not_in_channel"), (NOWHERE, "channel_not_found")]
)
def test_a_file_is_not_shared_where_the_bot_is_not(
    world: World, chat: Chat, channel_id: str, code: str
) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.share(channel_id, None, "all.csv", b"1;2\n", "All of it")

    assert caught.value.code == code
    assert world.shares(SHINY) == []


def test_a_share_whose_answer_was_lost_is_there_once(world: World, chat: Chat) -> None:
    """Nobody gets the same file twice."""
    world.lose_answer("share")

    with pytest.raises(ChatUnknown):
        chat.share(GENERAL, None, "all.csv", b"1;2\n", "All of it")

    assert [shared.name for shared in world.shares(GENERAL)] == ["all.csv"]


def test_whether_a_file_was_shared_can_be_looked_up(
    world: World, chat: Chat, start: datetime
) -> None:
    """So that after a lost answer, or a crash, it is not sent again."""
    ref = chat.post(GENERAL, "Ready", [section("Ready")], "op-1")
    chat.share(GENERAL, None, "all.csv", b"1;2\n", "All of it")
    chat.share(GENERAL, ref.ts, "work.tar.gz", b"GZ", "Saved")
    chat.share(JANE, None, "mine.csv", b"1;2\n", "For you")

    assert chat.shared(GENERAL, None, "all.csv", start)
    assert chat.shared(GENERAL, ref.ts, "work.tar.gz", start)
    assert chat.shared(JANE, None, "mine.csv", start)
    assert not chat.shared(GENERAL, ref.ts, "all.csv", start)
    assert not chat.shared(GENERAL, ref.ts, "other.csv", start)
    assert not chat.shared(GENERAL, None, "mine.csv", start)


def test_a_share_whose_answer_was_lost_is_found(world: World, chat: Chat, start: datetime) -> None:
    ref = chat.post(GENERAL, "Ready", [section("Ready")], "op-1")
    world.lose_answer("share")

    with pytest.raises(ChatUnknown):
        chat.share(GENERAL, ref.ts, "work.tar.gz", b"GZ", "Saved")

    assert chat.shared(GENERAL, ref.ts, "work.tar.gz", start)


def test_nothing_is_looked_up_where_the_bot_is_not(
    world: World, chat: Chat, start: datetime
) -> None:
    with pytest.raises(ChatRefused):
        chat.shared(SHINY, None, "all.csv", start)
