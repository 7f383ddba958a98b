// A list of messages that changes in place: only what is different is drawn anew, and the reader's
// place is kept. It follows new messages only while its end is in sight.

import { h, icon, keepFocus } from "./dom.js";
import { messageTools, renderMessage, whereOf } from "./message.js";
import { dateOfTs, dayLabel, dayOf } from "./times.js";
import { isLater } from "./store.js";
import { say } from "./words.js";

const TOGETHER_S = 300;
const AT_END_PX = 40;

export class MessageList {
  #nodes = new Map();
  #entries = new Map();
  #isAtEnd = true;
  #shownKey = "";
  #lastTop = 0;

  /** isThread: the list of one thread's replies. */
  constructor(ctx, { isThread = false } = {}) {
    Object.assign(this, { ctx, isThread });
    this.log = h("div", {
      class: "messages",
      role: "log",
      "aria-live": "polite",
      "aria-relevant": "additions",
    });
    this.node = h(
      "div",
      {
        class: "scroller",
        tabindex: "0",
        onscroll: () => this.#scrolled(),
        onkeydown: (event) => this.#move(event),
      },
      this.log,
    );
    this.jump = h(
      "button",
      { type: "button", class: "jump", hidden: true, onclick: () => this.toEnd() },
      icon("caret", 16),
      h("span", {}, say("latest")),
    );
    for (const kind of ["mouseover", "focusin", "click"])
      this.log.addEventListener(kind, (event) => this.#offerTools(event));
    new ResizeObserver(() => this.#isAtEnd && this.toEnd()).observe(this.log);
    new ResizeObserver(() => this.#isAtEnd && this.toEnd()).observe(this.node);
  }

  /** Show these items. key: what list this is; another key starts at the end again. */
  update(key, label, items) {
    const isOther = key !== this.#shownKey;
    if (isOther) this.#forget(key);
    this.log.setAttribute("aria-label", label);
    const refocus = keepFocus(this.log);
    const anchor = this.#anchor();
    this.#reconcile(items);
    refocus();
    if (isOther || this.#isAtEnd) this.toEnd();
    else this.#hold(anchor);
    this.#showJump();
  }

  get isAtEnd() {
    return this.#isAtEnd;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
    this.#lastTop = this.node.scrollTop;
    this.#isAtEnd = true;
    this.#showJump();
  }

  /** Bring a message into view and light it up for a moment. */
  highlight(ts) {
    const node = this.log.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (!node) return false;
    node.scrollIntoView({ block: "center" });
    this.#isAtEnd = this.#measureEnd();
    node.classList.remove("lit");
    void node.offsetWidth; // restarts the animation
    node.classList.add("lit");
    return true;
  }

  #forget(key) {
    this.#shownKey = key;
    this.#nodes.clear();
    this.#entries.clear();
    this.log.replaceChildren();
    this.#isAtEnd = true;
  }

  #reconcile(items) {
    const wanted = new Map(items.map((item) => [item.key, item]));
    for (const [key, { node }] of this.#nodes) {
      if (wanted.has(key)) continue;
      node.remove();
      this.#nodes.delete(key);
      this.#entries.delete(key);
    }
    let after = null;
    for (const item of items) {
      const known = this.#nodes.get(item.key);
      const node = known?.signature === item.signature ? known.node : this.#replace(item, known);
      const place = after === null ? this.log.firstChild : after.nextSibling;
      if (node !== place) this.log.insertBefore(node, place);
      after = node;
    }
  }

  #replace(item, known) {
    const node = item.make();
    if (known?.node.classList.contains("lit")) node.classList.add("lit");
    known?.node.replaceWith(node);
    this.#nodes.set(item.key, { node, signature: item.signature });
    if (item.entry) this.#entries.set(item.key, item.entry);
    return node;
  }

  #anchor() {
    const top = this.node.scrollTop;
    for (const [key, { node }] of this.#nodes) {
      if (node.offsetTop + node.offsetHeight > top) return { key, offset: node.offsetTop - top };
    }
    return null;
  }

  #hold(anchor) {
    const node = anchor && this.#nodes.get(anchor.key)?.node;
    if (node) this.node.scrollTop = node.offsetTop - anchor.offset;
  }

  #scrolled() {
    // Only a move upwards is the reader's: growing messages and panes leave scrollTop as it is.
    const { scrollTop } = this.node;
    if (this.#measureEnd()) this.#isAtEnd = true;
    else if (scrollTop < this.#lastTop) this.#isAtEnd = false;
    this.#lastTop = scrollTop;
    this.#showJump();
    if (this.#isAtEnd) this.ctx.seen();
  }

  #measureEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < AT_END_PX;
  }

  #showJump() {
    this.jump.hidden = this.#isAtEnd || this.#measureEnd();
  }

  #offerTools(event) {
    const node = event.target.closest?.(".message");
    if (!node || node.querySelector(":scope > .message-tools")) return;
    for (const old of this.log.querySelectorAll(".message-tools"))
      if (!old.contains(document.activeElement)) old.remove();
    const entry = this.#entries.get(`m${node.dataset.ts}`);
    if (entry) node.append(messageTools({ ...entry, isThread: this.isThread }, this.ctx));
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const isHere = event.target === this.node || event.target.classList.contains("message");
    if (!step || !isHere) return;
    event.preventDefault();
    const all = [...this.log.querySelectorAll(".message")];
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? all.at(-1) : all[Math.min(all.length - 1, Math.max(0, at + step))];
    next?.focus();
  }
}

/** The items of a run of messages: day lines, the line of what is new, and the messages. */
export function messageItems(
  ctx,
  channel,
  messages,
  { newSince = null, threads = new Map(), withDays = true } = {},
) {
  const items = [];
  let before = null;
  let isNewShown = newSince === null;
  for (const message of messages) {
    const day = dayOf(dateOfTs(message.ts));
    const isNewDay = withDays && (before === null || day !== dayOf(dateOfTs(before.ts)));
    const isFirstNew =
      !isNewShown &&
      !message.is_ephemeral &&
      message.user !== ctx.store.state.me &&
      isLater(message.ts, newSince);
    if (isNewDay) items.push(dayItem(day, dateOfTs(message.ts)));
    if (isFirstNew)
      items.push({
        key: "new",
        signature: "",
        make: () => h("div", { class: "new-line", role: "separator" }, h("span", {}, say("new"))),
      });
    isNewShown ||= isFirstNew;
    const isFollowing = !isNewDay && !isFirstNew && follows(message, before);
    items.push(
      messageItem(ctx, channel, {
        message,
        channel,
        isFollowing,
        replies: threads.get(message.ts),
      }),
    );
    before = message;
  }
  return items;
}

export function messageItem(ctx, channel, entry) {
  const { message, replies } = entry;
  const lastReply = replies?.at(-1)?.ts;
  const today = lastReply ? dayOf(new Date()) : "";
  const signature = JSON.stringify([
    message,
    entry.isFollowing,
    replies?.length,
    lastReply,
    today,
    ctx.acts.version(whereOf({ message, channel })),
  ]);
  return { key: `m${message.ts}`, signature, entry, make: () => renderMessage(entry, ctx) };
}

function dayItem(day, date) {
  const label = dayLabel(date, say);
  return {
    key: `d${day}`,
    signature: label,
    make: () =>
      h("div", { class: "day-line", role: "separator", "aria-label": label }, h("span", {}, label)),
  };
}

function follows(message, before) {
  if (before === null || before.user !== message.user || message.subtype !== before.subtype)
    return false;
  if (message.is_ephemeral || before.is_ephemeral) return false;
  return Number(message.ts) - Number(before.ts) < TOGETHER_S;
}
