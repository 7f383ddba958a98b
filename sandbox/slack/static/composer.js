// Where the person types: messages, commands with completion, and what was sent before.

import { h, icon, iconButton } from "./dom.js";
import { completionsFor } from "./completions.js";
import { openEmojiPicker } from "./emoji_picker.js";
import { say } from "./words.js";

const TALLEST_PX = 260;
const HISTORY = 50;
const FORMATS = [
  ["bold", "*", "*"],
  ["italic", "_", "_"],
  ["strike", "~", "~"],
  null,
  ["quote", "> ", ""],
  null,
  ["code", "`", "`"],
  ["pre", "```\n", "\n```"],
];

export class Composer {
  #target = null;
  #drafts = new Map();
  #history = new Map();
  #back = -1; // how far back in the history, -1: not in it
  #choices = [];
  #active = 0;
  #running = new Map();

  /** id: tells the two composers of the page apart. */
  constructor(ctx, id) {
    this.ctx = ctx;
    this.input = h("textarea", {
      class: "composer-input",
      rows: 1,
      id: `${id}-input`,
      "aria-autocomplete": "list",
      "aria-controls": `${id}-list`,
      "aria-haspopup": "listbox",
      dataset: { focus: `${id}-input` },
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#hideList(),
    });
    this.list = h("div", {
      class: "completions",
      id: `${id}-list`,
      role: "listbox",
      "aria-label": say("commands"),
      hidden: true,
    });
    this.hint = h("div", { class: "composer-hint", hidden: true });
    this.status = h("div", { class: "composer-status", role: "status" });
    this.trouble = h("div", { class: "composer-trouble", role: "alert", hidden: true });
    this.send = h(
      "button",
      {
        type: "button",
        class: "send",
        "aria-label": say("send"),
        title: say("send"),
        disabled: true,
        onclick: () => this.#send(),
      },
      icon("send", 16),
    );
    const format = FORMATS.map((entry) =>
      entry
        ? iconButton(entry[0], say(`format_${entry[0]}`), () => this.#wrap(entry[1], entry[2]), {
            tabindex: "-1",
            onmousedown: stay,
          })
        : h("span", { class: "bar-line" }),
    );
    this.node = h(
      "div",
      { class: "composer-area" },
      this.list,
      h(
        "div",
        { class: "composer" },
        h("div", { class: "format-bar", role: "toolbar", "aria-label": say("formatting") }, format),
        this.hint,
        this.input,
        h(
          "div",
          { class: "composer-bar" },
          iconButton("slash", say("run_shortcut"), () => this.#startCommand()),
          iconButton("smile", say("emoji"), (event) =>
            openEmojiPicker(event.currentTarget, (name) => this.#insert(`:${name}: `), true),
          ),
          h("span", { class: "grow" }),
          this.send,
        ),
      ),
      h(
        "div",
        { class: "composer-below" },
        this.trouble,
        this.status,
        h("span", { class: "composer-tip" }, say("newline_tip")),
      ),
    );
  }

  /** Write to this conversation from now on. target: {channel, thread_ts, placeholder}. */
  aim(target) {
    const key = keyOf(target);
    if (this.#target && keyOf(this.#target) === key) {
      this.input.placeholder = target.placeholder;
      this.input.setAttribute("aria-label", target.placeholder);
      return;
    }
    if (this.#target) this.#drafts.set(keyOf(this.#target), this.input.value);
    this.#target = target;
    this.input.placeholder = target.placeholder;
    this.input.setAttribute("aria-label", target.placeholder);
    this.#show(this.#drafts.get(key) ?? "");
    this.#fail(null);
    this.#showRunning();
    this.#back = -1;
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  #show(text) {
    this.input.value = text;
    this.#typed();
    this.#hideList();
  }

  #typed() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, TALLEST_PX)}px`;
    this.send.disabled = !this.input.value.trim();
    this.#offer();
    this.#showHint();
  }

  // --- completion ------------------------------------------------------------------------------

  #offer() {
    this.#choices =
      document.activeElement === this.input
        ? completionsFor(this.input.value, this.input.selectionStart, this.ctx)
        : [];
    this.#active = 0;
    this.#paintList();
  }

  #hideList() {
    this.#choices = [];
    this.#paintList();
  }

  #paintList() {
    this.list.hidden = this.#choices.length === 0;
    const rows = this.#choices.map((choice, at) =>
      h(
        "div",
        {
          id: `${this.list.id}-${at}`,
          class: at === this.#active ? "completion active" : "completion",
          role: "option",
          "aria-selected": String(at === this.#active),
          onmousedown: stay,
          onclick: () => this.#take(choice),
        },
        choice.node(),
      ),
    );
    this.list.replaceChildren(
      ...(this.list.hidden
        ? []
        : [
            h("div", { class: "completions-head", role: "presentation" }, this.#choices[0].heading),
          ]),
      ...rows,
    );
    this.input.setAttribute(
      "aria-activedescendant",
      this.list.hidden ? "" : `${this.list.id}-${this.#active}`,
    );
    this.list.querySelector(".active")?.scrollIntoView({ block: "nearest" });
  }

  #take(choice) {
    this.input.setRangeText(choice.text, choice.from, this.input.selectionStart, "end");
    this.input.focus();
    this.#typed();
  }

  #showHint() {
    const name = /^(\/\S+)\s/.exec(this.input.value)?.[1];
    const command = name && this.ctx.store.state?.commands.find((entry) => entry.name === name);
    this.hint.hidden = !command;
    if (command)
      this.hint.replaceChildren(h("strong", {}, command.name), " ", h("span", {}, command.hint));
  }

  // --- keys ------------------------------------------------------------------------------------

  #key(event) {
    if (event.isComposing) return;
    const isListOpen = this.#choices.length > 0;
    const act = (isListOpen && this.#listKey(event)) || this.#plainKey(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #listKey(event) {
    const choice = this.#choices[this.#active];
    const isWhole = event.key === "Enter" && this.input.value.trim() === choice.text.trim();
    const acts = {
      ArrowDown: () => this.#step(1),
      ArrowUp: () => this.#step(-1),
      Tab: () => this.#take(choice),
      Enter: isWhole || event.shiftKey ? null : () => this.#take(choice),
      Escape: () => this.#hideList(),
    };
    return acts[event.key];
  }

  #plainKey(event) {
    const isSend = event.key === "Enter" && !event.shiftKey;
    if (isSend) return () => this.#send();
    if (event.shiftKey || event.altKey) return null;
    if ((event.ctrlKey || event.metaKey) && "bi".includes(event.key))
      return () => this.#wrap(...{ b: ["*", "*"], i: ["_", "_"] }[event.key]);
    if (
      event.key === "ArrowUp" &&
      (this.#back >= 0 || !this.input.value) &&
      this.#past().length > this.#back + 1
    )
      return () => this.#recall(this.#back + 1);
    if (event.key === "ArrowDown" && this.#back >= 0) return () => this.#recall(this.#back - 1);
    return null;
  }

  #step(by) {
    this.#active = (this.#active + by + this.#choices.length) % this.#choices.length;
    this.#paintList();
  }

  #past() {
    return this.#history.get(keyOf(this.#target)) ?? [];
  }

  #recall(back) {
    this.#back = back;
    this.#show(back < 0 ? "" : this.#past()[back]);
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
  }

  // --- editing ---------------------------------------------------------------------------------

  #insert(text) {
    this.input.setRangeText(text, this.input.selectionStart, this.input.selectionEnd, "end");
    this.input.focus();
    this.#typed();
  }

  #wrap(before, after) {
    const { selectionStart: from, selectionEnd: to, value } = this.input;
    this.input.setRangeText(before + value.slice(from, to) + after, from, to, "end");
    this.input.setSelectionRange(from + before.length, to + before.length);
    this.input.focus();
    this.#typed();
  }

  #startCommand() {
    this.input.focus();
    if (!this.input.value.startsWith("/")) this.input.value = `/${this.input.value}`;
    this.input.setSelectionRange(1, 1);
    this.#typed();
  }

  // --- sending ---------------------------------------------------------------------------------

  async #send() {
    const text = this.input.value.trim();
    const target = this.#target;
    if (!text || !target) return;
    const past = [text, ...this.#past().filter((entry) => entry !== text)].slice(0, HISTORY);
    this.#history.set(keyOf(target), past);
    this.#back = -1;
    this.#show("");
    this.#fail(null);
    this.#run(target, text, 1);
    const reply = await this.ctx.socket.request({
      do: "type",
      channel: target.channel,
      thread_ts: target.thread_ts,
      text,
    });
    this.#run(target, text, -1);
    if (reply.ok || reply.is_shown) return this.ctx.sent(target);
    if (keyOf(this.#target) === keyOf(target) && !this.input.value) this.#show(text);
    return this.#fail(reply.text ?? say("offline"));
  }

  #run(target, text, by) {
    const key = keyOf(target);
    if (text.startsWith("/"))
      this.#running.set(key, {
        text: text.split(/\s/)[0],
        count: (this.#running.get(key)?.count ?? 0) + by,
      });
    this.#showRunning();
  }

  #showRunning() {
    const running = this.#running.get(keyOf(this.#target));
    this.status.textContent = running?.count ? say("running", { command: running.text }) : "";
  }

  #fail(text) {
    this.trouble.hidden = !text;
    this.trouble.replaceChildren(...(text ? [icon("warn", 15), h("span", {}, text)] : []));
  }
}

const keyOf = (target) => `${target.channel} ${target.thread_ts ?? ""}`;
const stay = (event) => event.preventDefault(); // keeps the focus in the text
