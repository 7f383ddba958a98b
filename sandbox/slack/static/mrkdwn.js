// Slack's mrkdwn as elements. Marks right beside letters do not count, as in Slack, where bots that
// write Korean or Japanese stumble over it: `*굵게*은` stays as it is (seratch/ChatGPT-in-Slack#61, #121).

import { h, icon, safeUrl } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { slackDate } from "./times.js";
import { say } from "./words.js";

const FENCE = /```\n?([\s\S]*?)```/g;
const QUOTE = /^(?:&gt;|>)[ ]?(.*)$/;

/** The elements of a mrkdwn text. verbatim: bare addresses do not become links. */
export function mrkdwn(text, ctx, { verbatim = false } = {}) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(FENCE)) {
    if (!match[1].trim()) continue;
    nodes.push(...lines(text.slice(at, match.index).replace(/\n$/, ""), ctx, verbatim));
    nodes.push(
      h(
        "pre",
        { class: "code-block", tabindex: "0" },
        h("code", {}, inline(match[1].replace(/\n$/, ""), ctx, CODE_MARKS)),
      ),
    );
    at = match.index + match[0].length;
    if (text[at] === "\n") at += 1;
  }
  nodes.push(...lines(text.slice(at), ctx, verbatim));
  return nodes;
}

/** The elements of a plain_text object: only emoji codes and line ends mean something. */
export function plainText(text, ctx, { emoji = true } = {}) {
  return inline(text, ctx, emoji ? [MARKS.emoji] : [], (raw) => raw);
}

/** A mrkdwn text without its marks, for labels and titles. */
export function flat(text, ctx) {
  return mrkdwn(text, ctx)
    .map((node) => (typeof node === "string" ? node : node.textContent))
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();
}

/** What the entities in a message text stand for. */
export function unescape(text) {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}

function lines(text, ctx, verbatim) {
  const marks = verbatim ? VERBATIM_MARKS : ALL_MARKS;
  const nodes = [];
  for (const { isQuote, rows } of runs(text.split("\n"))) {
    const written = inline(rows.join("\n"), ctx, marks);
    if (isQuote) nodes.push(h("blockquote", {}, written));
    else nodes.push(...written);
  }
  return nodes;
}

function runs(rows) {
  const found = [];
  for (const row of rows) {
    const quoted = QUOTE.exec(row);
    const last = found.at(-1);
    const line = quoted ? quoted[1] : row;
    if (last && last.isQuote === Boolean(quoted)) last.rows.push(line);
    else found.push({ isQuote: Boolean(quoted), rows: [line] });
  }
  return found;
}

const EDGE = { before: "(?<![\\p{L}\\p{N}_*~`])", after: "(?![\\p{L}\\p{N}_*~`])" };
const around = (mark) =>
  new RegExp(`${EDGE.before}${mark}((?!\\s)[^\\n]*?[^\\s\\n])${mark}${EDGE.after}`, "gu");

const MARKS = {
  code: {
    pattern: /(?<![\p{L}\p{N}`])`([^`\n]+)`(?![\p{L}\p{N}`])/gu,
    make: (m, ctx) => h("code", { class: "code" }, inline(m[1], ctx, CODE_MARKS)),
  },
  reference: { pattern: /<([^<>\n]+)>/g, make: (m, ctx) => reference(m[1], ctx, isLineStart(m)) },
  address: {
    pattern: /https?:\/\/[^\s<>|`*"]+[^\s<>|`*"'.,;:!?)\]}~_]/g,
    make: (m, ctx) => link(unescape(m[0]), [unescape(m[0])], ctx),
  },
  bold: {
    pattern: around("\\*"),
    make: (m, ctx, marks) => h("strong", {}, inline(m[1], ctx, marks)),
  },
  italic: { pattern: around("_"), make: (m, ctx, marks) => h("em", {}, inline(m[1], ctx, marks)) },
  strike: { pattern: around("~"), make: (m, ctx, marks) => h("s", {}, inline(m[1], ctx, marks)) },
  emoji: { pattern: /:([a-z0-9_+'-]+):(?::skin-tone-\d:)?/g, make: (m) => emoji(m[1]) },
};
const ALL_MARKS = Object.values(MARKS);
const VERBATIM_MARKS = ALL_MARKS.filter((mark) => mark !== MARKS.address);
const CODE_MARKS = [MARKS.reference];

function inline(text, ctx, marks, read = unescape) {
  const nodes = [];
  const next = new Map();
  let at = 0;
  while (at < text.length) {
    const first = earliest(text, at, marks, next);
    if (first === null) break;
    const { mark, match } = first;
    if (match.index > at) nodes.push(read(text.slice(at, match.index)));
    const made = mark.make(match, ctx, marks);
    nodes.push(made ?? read(match[0]));
    at = match.index + match[0].length;
  }
  if (at < text.length) nodes.push(read(text.slice(at)));
  return nodes;
}

function earliest(text, at, marks, next) {
  let first = null;
  for (const mark of marks) {
    let match = next.get(mark);
    if (match === undefined || (match !== null && match.index < at)) {
      const pattern = new RegExp(mark.pattern.source, mark.pattern.flags);
      pattern.lastIndex = at;
      match = pattern.exec(text);
      next.set(mark, match);
    }
    if (match !== null && (first === null || match.index < first.match.index))
      first = { mark, match };
  }
  return first;
}

/** An emoji by its name, or null for one that is not known. */
export function emoji(name) {
  const char = EMOJI.get(name);
  return char
    ? h(
        "span",
        {
          class: "emoji",
          role: "img",
          "aria-label": `${name.replace(/[_-]/g, " ")} emoji`,
          title: `:${name}:`,
        },
        char,
      )
    : null;
}

const isLineStart = (match) => match.index === 0 || match.input[match.index - 1] === "\n";

function reference(body, ctx, isFirst) {
  const [target, label] = split(body);
  if (target.startsWith("@")) return userMention(target.slice(1), ctx, label);
  if (target.startsWith("#")) return channelMention(target.slice(1), ctx, label);
  if (target.startsWith("!subteam^")) return groupMention(target.slice(9), ctx, label);
  if (target.startsWith("!date^")) return dateMention(target, ctx, { fallback: label, isFirst });
  if (target.startsWith("!")) return broadcast(target.slice(1), label);
  return link(
    unescape(target),
    label === null ? [unescape(target).replace(/^mailto:/, "")] : inline(label, ctx, [MARKS.emoji]),
    ctx,
  );
}

function split(body) {
  const bar = body.indexOf("|");
  return bar < 0 ? [body, null] : [body.slice(0, bar), body.slice(bar + 1)];
}

/** A link, or only its words when the address is not one to open. */
export function link(address, content, ctx, props = {}) {
  const url = safeUrl(address);
  if (url === null) return h("span", {}, content);
  const inside = ctx.insideLink(url);
  if (inside)
    return h(
      "a",
      {
        href: url.pathname,
        class: "link",
        onclick: (event) => follow(event, ctx, inside),
        ...props,
      },
      content,
    );
  return h(
    "a",
    { href: url.href, class: "link", target: "_blank", rel: "noopener noreferrer", ...props },
    content,
  );
}

function follow(event, ctx, place) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  ctx.go(place);
}

export function userMention(id, ctx, label = null) {
  const user = ctx.store.user(id);
  const isMe = id === ctx.store.state.me;
  const name = user ? user.real_name : (label ?? say("unknown_user"));
  const open = () => ctx.openDirect(id);
  return h(
    "button",
    {
      type: "button",
      class: isMe ? "mention mention-me" : "mention",
      onclick: user && !user.deleted ? open : null,
    },
    `@${name}`,
  );
}

export function channelMention(id, ctx, label = null) {
  const channel = ctx.store.channel(id);
  if (!channel)
    return h(
      "span",
      { class: "mention mention-closed" },
      label ? `#${label}` : [icon("lock", 13), say("private_channel")],
    );
  return h(
    "button",
    { type: "button", class: "mention", onclick: () => ctx.go({ channel: id }) },
    `#${channel.name}`,
  );
}

export function groupMention(id, ctx, label = null) {
  const handle = ctx.store.state.usergroups[id];
  return h("span", { class: "mention" }, handle ? `@${handle}` : (label ?? "@group"));
}

export function broadcast(range, label = null) {
  const isKnown = ["here", "channel", "everyone"].includes(range);
  return h("span", { class: "mention mention-me" }, isKnown ? `@${range}` : (label ?? range));
}

function dateMention(target, ctx, { fallback, isFirst }) {
  const [, seconds, template, address] = /^!date\^(\d+)\^([^^]*)(?:\^(.*))?$/.exec(target) ?? [];
  if (seconds === undefined) return h("span", {}, unescape(fallback ?? ""));
  return date(Number(seconds), unescape(template), ctx, {
    address: address && unescape(address),
    isFirst,
  });
}

/** A date in the person's zone; isFirst: it begins a line, so "today" gets a capital. */
export function date(seconds, template, ctx, { address, isFirst = false } = {}) {
  const written = slackDate(seconds, template, say);
  const iso = new Date(seconds * 1000).toISOString();
  const time = h(
    "time",
    { datetime: iso, title: slackDate(seconds, "{date_long} {time}", say) },
    isFirst ? written.charAt(0).toUpperCase() + written.slice(1) : written,
  );
  return address ? link(address, [time], ctx) : time;
}
