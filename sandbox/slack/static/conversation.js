// The middle of the page: a conversation, or the app with its tabs; and the thread beside it.

import { AppHome, renderAbout } from "./app_home.js";
import { Composer } from "./composer.js";
import { h, icon, iconButton } from "./dom.js";
import { MessageList, messageItem, messageItems } from "./message_list.js";
import { say } from "./words.js";

export class Conversation {
  #tabs = "";
  #headed = "";

  constructor(ctx) {
    this.ctx = ctx;
    this.list = new MessageList(ctx);
    this.composer = new Composer(ctx, "composer");
    this.home = new AppHome(ctx);
    this.head = h("header", { class: "channel-head" });
    this.tabBar = h("div", { class: "tabs", role: "tablist" });
    this.notice = h("div", { class: "notice", hidden: true });
    this.about = h("div", { class: "about-holder" });
    this.banner = h("div", { class: "banner", role: "status", hidden: true });
    this.node = h(
      "main",
      { class: "main", id: "main" },
      this.banner,
      this.head,
      this.tabBar,
      this.home.node,
      this.about,
      h("div", { class: "list-holder" }, this.list.node, this.list.jump),
      this.notice,
      this.composer.node,
    );
  }

  update() {
    const { ctx } = this;
    const tab = ctx.place.app ?? null;
    const channel = ctx.currentChannel();
    this.#showHead(channel, tab);
    this.#showTabs(tab);
    const isTalk = tab === null || tab === "messages";
    this.home.node.hidden = tab !== "home";
    this.about.hidden = tab !== "about";
    this.list.node.parentElement.hidden = !isTalk;
    if (tab === "home") this.home.update();
    if (tab === "about" && !this.about.firstChild) this.about.replaceChildren(renderAbout(ctx));
    const isWritable = isTalk && channel && this.#showNotice(channel, tab);
    if (!isTalk) this.notice.hidden = true;
    this.composer.node.hidden = !isWritable;
    if (isTalk && channel) this.#showMessages(channel);
    if (isWritable)
      this.composer.aim({
        channel: channel.id,
        placeholder: say("message_to", { name: ctx.nameOf(channel) }),
      });
  }

  #showMessages(channel) {
    const { ctx } = this;
    const items = [
      introItem(channel, ctx),
      ...messageItems(ctx, channel.id, ctx.store.main(channel.id), {
        newSince: ctx.newSince,
        threads: ctx.store.threads(channel.id),
      }),
    ];
    this.list.update(channel.id, say("messages_in", { name: ctx.nameOf(channel) }), items);
  }

  #showHead(channel, tab) {
    const { ctx } = this;
    const signature = JSON.stringify([
      channel?.id,
      channel?.name,
      channel?.topic,
      channel?.member_count,
      tab !== null,
    ]);
    if (signature === this.#headed) return;
    this.#headed = signature;
    const menu = iconButton("menu", say("open_sidebar"), () => ctx.openSidebar(), {
      class: "icon-button only-narrow",
      dataset: { focus: "open-sidebar" },
    });
    this.head.replaceChildren(menu, ...(tab === null ? channelTitle(channel, ctx) : appTitle(ctx)));
  }

  #showTabs(tab) {
    const { ctx } = this;
    this.tabBar.hidden = tab === null;
    if (tab === null || this.#tabs === tab) return;
    this.#tabs = tab;
    const hasFocus = this.tabBar.contains(document.activeElement);
    const names = ["home", "messages", "about"]
      .filter((name) => name !== "home" || ctx.store.state.has_home)
      .filter((name) => name !== "messages" || ctx.store.state.has_messages);
    const open = (name) => ctx.go({ app: name });
    const step = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) open(names[(names.indexOf(tab) + by + names.length) % names.length]);
    };
    this.tabBar.replaceChildren(
      ...names.map((name) =>
        h(
          "button",
          {
            type: "button",
            class: "tab",
            role: "tab",
            "aria-selected": String(name === tab),
            tabindex: name === tab ? "0" : "-1",
            onclick: () => open(name),
            onkeydown: step,
          },
          say(name),
        ),
      ),
    );
    if (hasFocus) this.tabBar.querySelector('[aria-selected="true"]').focus();
  }

  /** Say why one cannot write here; true when one can. */
  #showNotice(channel, tab) {
    const { ctx } = this;
    const reason = reasonNotToWrite(channel, tab, ctx);
    this.notice.hidden = reason === null;
    if (reason === null) return true;
    const join =
      reason === "not_member"
        ? h(
            "button",
            {
              type: "button",
              class: "button large primary",
              onclick: () => ctx.socket.request({ do: "join", channel: channel.id }),
            },
            say("join_channel"),
          )
        : null;
    const text =
      reason === "not_member"
        ? h("strong", {}, icon("hash", 16), channel.name)
        : h("span", {}, say(reason));
    if (this.notice.dataset.shown !== `${reason} ${channel.id}`)
      this.notice.replaceChildren(text, ...(join ? [join] : []));
    this.notice.dataset.shown = `${reason} ${channel.id}`;
    return false;
  }
}

function reasonNotToWrite(channel, tab, ctx) {
  if (tab === "messages" && ctx.store.state.is_read_only) return "messages_off";
  if (channel.is_archived) return "archived_channel";
  return channel.is_member ? null : "not_member";
}

function channelTitle(channel, ctx) {
  if (!channel) return [];
  const user = channel.is_im ? ctx.store.user(channel.other) : null;
  const mark = user
    ? ctx.avatar(user, 24)
    : icon(channel.is_archived ? "archive" : channel.is_private ? "lock" : "hash", 18);
  return [
    h("h1", { class: "channel-name" }, mark, h("span", {}, user ? user.real_name : channel.name)),
    h("span", { class: "channel-topic" }, user ? user.title : channel.topic),
    user
      ? null
      : h(
          "span",
          {
            class: "members",
            title: say("members", { count: channel.member_count }),
            "aria-label": say("members", { count: channel.member_count }),
          },
          icon("people", 16),
          String(channel.member_count),
        ),
  ].filter(Boolean);
}

const appTitle = (ctx) => [
  h("h1", { class: "channel-name" }, ctx.avatar(ctx.bot, 24), h("span", {}, ctx.bot.real_name)),
];

function introItem(channel, ctx) {
  const user = channel.is_im ? ctx.store.user(channel.other) : null;
  const isSelf = channel.other === ctx.store.state.me;
  const make = () =>
    user
      ? h(
          "div",
          { class: "intro" },
          h("div", { class: "intro-person" }, ctx.avatar(user, 72), h("h2", {}, user.real_name)),
          h(
            "p",
            {},
            say(isSelf ? "intro_self" : user.is_bot ? "intro_app" : "intro_direct", {
              name: user.real_name,
            }),
          ),
        )
      : h(
          "div",
          { class: "intro" },
          h("h2", {}, icon(channel.is_private ? "lock" : "hash", 24), channel.name),
          h(
            "p",
            {},
            say(channel.is_private ? "intro_private" : "intro_channel", { name: channel.name }),
          ),
        );
  return { key: "intro", signature: `${channel.id} ${channel.is_private}`, make };
}

/** The pane of one thread. */
export class Thread {
  constructor(ctx) {
    this.ctx = ctx;
    this.list = new MessageList(ctx, { isThread: true });
    this.composer = new Composer(ctx, "thread-composer");
    this.room = h("span", { class: "thread-room" });
    this.notice = h(
      "div",
      { class: "notice", hidden: true },
      h("span", {}, say("archived_channel")),
    );
    this.node = h(
      "aside",
      {
        class: "thread",
        "aria-label": say("thread"),
        hidden: true,
        onkeydown: (event) => event.key === "Escape" && !event.defaultPrevented && this.#close(),
      },
      h(
        "header",
        { class: "channel-head" },
        h("h2", { class: "channel-name" }, say("thread")),
        this.room,
        h("span", { class: "grow" }),
        iconButton("close", say("close"), () => this.#close()),
      ),
      h("div", { class: "list-holder" }, this.list.node, this.list.jump),
      this.notice,
      this.composer.node,
    );
  }

  update() {
    const { ctx } = this;
    const { thread } = ctx.place;
    const channel = ctx.currentChannel();
    const root = thread && channel ? ctx.store.message(channel.id, thread) : null;
    this.node.hidden = !root;
    document.body.classList.toggle("with-thread", Boolean(root));
    if (!root) return;
    this.room.textContent = ctx.nameOf(channel);
    const replies = ctx.store.replies(channel.id, thread);
    const items = [
      messageItem(ctx, channel.id, { message: root, channel: channel.id, isFollowing: false }),
      countItem(replies),
      ...messageItems(ctx, channel.id, replies, { withDays: false }),
    ];
    this.list.update(`${channel.id} ${thread}`, say("thread"), items.filter(Boolean));
    this.composer.node.hidden = channel.is_archived || !channel.is_member;
    this.notice.hidden = !channel.is_archived;
    this.composer.aim({
      channel: channel.id,
      thread_ts: thread,
      placeholder: say("reply_placeholder"),
    });
  }

  #close() {
    this.ctx.go({ ...this.ctx.place, thread: null, ts: null });
  }
}

function countItem(replies) {
  const shown = replies.filter((reply) => !reply.is_ephemeral).length;
  if (!shown) return null;
  return {
    key: "count",
    signature: String(shown),
    make: () =>
      h(
        "div",
        { class: "reply-line", role: "separator" },
        h("span", {}, say("replies", { count: shown })),
      ),
  };
}
