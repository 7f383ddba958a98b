// One message: who, when, what, and what can be done with it.

import { renderAttachment, renderFile } from "./attachments.js";
import { renderBlocks } from "./blocks.js";
import { h, icon, iconButton } from "./dom.js";
import { openEmojiPicker } from "./emoji_picker.js";
import { emoji, mrkdwn } from "./mrkdwn.js";
import { clock, dateOfTs, dayAndClock, fullTime, shortClock } from "./times.js";
import { say } from "./words.js";

const QUICK = ["white_check_mark", "eyes", "raised_hands"];
const JOINS = new Set(["channel_join", "group_join"]);

/**
 * The node of a message.
 * entry: {message, channel, isFollowing, replies, isThread}; isFollowing: the head is not repeated.
 */
export function renderMessage(entry, ctx) {
  const { message, isFollowing } = entry;
  const author = authorOf(message, ctx);
  const when = dateOfTs(message.ts);
  const classes = [
    "message",
    isFollowing ? "following" : "",
    message.is_ephemeral ? "ephemeral" : "",
    isMentioned(message, ctx) ? "mentioning" : "",
  ];
  return h(
    "article",
    {
      class: classes.filter(Boolean).join(" "),
      tabindex: "-1",
      dataset: { ts: message.ts, focus: `message ${entry.channel} ${message.ts}` },
      "aria-label": `${author.real_name}, ${clock(when)}`,
    },
    message.is_ephemeral ? ephemeralNote(entry, ctx) : null,
    h(
      "div",
      { class: "gutter" },
      isFollowing
        ? h(
            "time",
            { class: "gutter-time", datetime: when.toISOString(), title: fullTime(when) },
            shortClock(when),
          )
        : ctx.avatar(author, 36),
    ),
    h(
      "div",
      { class: "message-body" },
      isFollowing ? null : head(author, message, when, entry, ctx),
      content(entry, ctx),
      (message.attachments ?? []).map((attachment) =>
        renderAttachment(attachment, whereOf(entry), ctx),
      ),
      (message.files ?? []).map((file) => renderFile(file)),
      reactions(entry, ctx),
      entry.replies?.length ? threadBar(entry, ctx) : null,
    ),
  );
}

export function authorOf(message, ctx) {
  const known = ctx.store.user(message.user);
  return (
    known ?? {
      id: message.user,
      real_name: message.bot_profile?.name ?? say("unknown_user"),
      color: "757575",
      is_bot: Boolean(message.bot_id),
    }
  );
}

/** Where the blocks of a message belong, for clicks in it. */
export function whereOf(entry) {
  const { message, channel } = entry;
  return { key: `message:${channel}:${message.ts}`, target: { channel, ts: message.ts } };
}

function isMentioned(message, ctx) {
  return message.user !== ctx.store.state.me && message.text.includes(`<@${ctx.store.state.me}`);
}

function head(author, message, when, entry, ctx) {
  return h(
    "div",
    { class: "message-head" },
    h(
      "button",
      {
        type: "button",
        class: "author",
        onclick: () => (author.is_bot ? ctx.go({ app: "about" }) : ctx.openDirect(author.id)),
      },
      author.real_name,
    ),
    author.is_bot ? h("span", { class: "badge" }, say("app_badge")) : null,
    author.is_guest ? h("span", { class: "badge guest" }, say("guest_badge")) : null,
    timeLink(message, when, entry, ctx),
  );
}

function timeLink(message, when, entry, ctx) {
  const time = h("time", { datetime: when.toISOString(), title: fullTime(when) }, clock(when));
  if (message.is_ephemeral) return h("span", { class: "when" }, time);
  const open = (event) => {
    event.preventDefault();
    ctx.go({ channel: entry.channel, ts: message.ts });
  };
  return h("a", { class: "when", href: permalink(entry), onclick: open }, time);
}

const permalink = ({ channel, message }) => `/archives/${channel}/p${message.ts.replace(".", "")}`;

function ephemeralNote(entry, ctx) {
  const dismiss = () =>
    ctx.socket.request({ do: "dismiss", channel: entry.channel, ts: entry.message.ts });
  return h(
    "div",
    { class: "ephemeral-note" },
    h("span", { class: "note-icon" }, icon("eye", 14)),
    h("span", {}, say("only_you")),
    h("span", { "aria-hidden": "true" }, "·"),
    h("button", { type: "button", class: "text-button", onclick: dismiss }, say("dismiss")),
  );
}

function content(entry, ctx) {
  const { message } = entry;
  const edited =
    message.edited && !message.is_ephemeral
      ? h("span", { class: "edited", title: fullTime(dateOfTs(message.edited.ts)) }, say("edited"))
      : null;
  if (message.blocks?.length)
    return h(
      "div",
      { class: "message-content" },
      h("div", { class: "blocks" }, renderBlocks(message.blocks, whereOf(entry), ctx)),
      edited,
    );
  if (!message.text) return null;
  const isQuiet = JOINS.has(message.subtype);
  return h(
    "div",
    { class: isQuiet ? "message-content quiet" : "message-content" },
    h("div", { class: "message-text" }, mrkdwn(message.text, ctx), edited ? [" ", edited] : null),
  );
}

function reactions(entry, ctx) {
  const { message } = entry;
  if (!message.reactions?.length) return null;
  const me = ctx.store.state.me;
  const pill = ({ name, users, count }) => {
    const names = users
      .map((id) => (id === me ? say("you") : (ctx.store.user(id)?.real_name ?? id)))
      .join(", ");
    const label = say("reacted", { names, emoji: `:${name}:` });
    return h(
      "button",
      {
        type: "button",
        class: "reaction",
        "aria-pressed": String(users.includes(me)),
        "aria-label": `${name} ${count}`,
        title: label,
        dataset: { focus: `reaction ${message.ts} ${name}` },
        onclick: () => ctx.react(entry.channel, message.ts, name),
      },
      emoji(name) ?? `:${name}:`,
      h("span", {}, String(count)),
    );
  };
  return h(
    "div",
    { class: "reactions" },
    message.reactions.map(pill),
    iconButton(
      "smile",
      say("add_reaction"),
      (event) => pickReaction(event.currentTarget, entry, ctx),
      { class: "reaction add" },
    ),
  );
}

const pickReaction = (anchor, entry, ctx) =>
  openEmojiPicker(anchor, (name) => ctx.react(entry.channel, entry.message.ts, name));

function threadBar(entry, ctx) {
  const { replies, message, channel } = entry;
  const authors = [...new Set(replies.map((reply) => reply.user))]
    .slice(0, 5)
    .map((id) => ctx.avatar(authorOf({ user: id }, ctx), 24));
  const last = dateOfTs(replies.at(-1).ts);
  return h(
    "button",
    {
      type: "button",
      class: "thread-bar",
      dataset: { focus: `thread ${message.ts}` },
      onclick: () => ctx.go({ channel, thread: message.ts }),
    },
    h("span", { class: "thread-faces" }, authors),
    h("span", { class: "thread-count" }, say("replies", { count: replies.length })),
    h("span", { class: "thread-last" }, say("last_reply", { when: dayAndClock(last, say) })),
  );
}

/** The little bar that shows at a message under the pointer or with the focus. */
export function messageTools(entry, ctx) {
  const { message, channel } = entry;
  if (message.is_ephemeral) {
    return tools([
      iconButton("close", say("dismiss"), () =>
        ctx.socket.request({ do: "dismiss", channel, ts: message.ts }),
      ),
    ]);
  }
  const quick = QUICK.map((name) =>
    h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": say("react_with", { emoji: name.replace(/_/g, " ") }),
        title: `:${name}:`,
        onclick: () => ctx.react(channel, message.ts, name),
      },
      emoji(name),
    ),
  );
  const reply = entry.isThread
    ? null
    : iconButton("thread", say("reply_in_thread"), () =>
        ctx.go({ channel, thread: message.thread_ts ?? message.ts }),
      );
  const copy = iconButton("link", say("copy_link"), () =>
    navigator.clipboard
      ?.writeText(location.origin + permalink(entry))
      .then(() => ctx.toast(say("link_copied"))),
  );
  return tools(
    [
      quick,
      iconButton("smile", say("add_reaction"), (event) =>
        pickReaction(event.currentTarget, entry, ctx),
      ),
      reply,
      copy,
    ]
      .flat()
      .filter(Boolean),
  );
}

const tools = (buttons) =>
  h(
    "div",
    { class: "message-tools", role: "group", "aria-label": say("message_actions") },
    buttons,
  );
