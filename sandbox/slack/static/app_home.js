// The app's Home and About tabs.

import { renderBlocks } from "./blocks.js";
import { h, icon, keepFocus } from "./dom.js";
import { textOf } from "./elements.js";
import { say } from "./words.js";

const PATIENCE_MS = 1500;

export class AppHome {
  #shown = "";
  #opened = 0;

  constructor(ctx) {
    this.ctx = ctx;
    this.body = h("div", { class: "home-body blocks" });
    this.node = h(
      "div",
      { class: "home scroller", tabindex: "0", role: "region", "aria-label": say("home") },
      this.body,
    );
  }

  /** The tab has just been opened: an empty one is given a moment before it is called empty. */
  opened() {
    this.#opened = Date.now();
    this.node.scrollTop = 0;
    setTimeout(() => this.ctx.redraw(), PATIENCE_MS + 50);
  }

  update() {
    const view = this.ctx.store.state.home;
    const isWaiting = !view && Date.now() - this.#opened < PATIENCE_MS;
    const where = view
      ? {
          key: `home:${view.id}`,
          target: { view: view.id },
          values: view.state?.values,
          errors: view.errors,
        }
      : null;
    const shown = JSON.stringify([
      view?.id,
      view?.hash,
      view?.errors,
      where && this.ctx.acts.version(where),
      isWaiting,
    ]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const refocus = keepFocus(this.body);
    this.body.replaceChildren(
      ...(view
        ? renderBlocks(view.blocks, where, this.ctx).flat()
        : [isWaiting ? skeleton() : empty(this.ctx)]),
    );
    refocus();
  }
}

const skeleton = () =>
  h(
    "div",
    { class: "skeleton", "aria-busy": "true", "aria-label": say("loading") },
    [60, 90, 75, 40].map((width) =>
      h("div", { class: "skeleton-line", style: { width: `${width}%` } }),
    ),
  );

const empty = (ctx) =>
  h(
    "div",
    { class: "empty" },
    ctx.avatar(ctx.bot, 72),
    h("h2", {}, say("home_empty")),
    h("p", {}, say("home_empty_more")),
  );

/** The About tab. */
export function renderAbout(ctx) {
  const { state } = ctx.store;
  const command = (entry) =>
    h(
      "li",
      {},
      h(
        "div",
        {},
        h("strong", {}, entry.name),
        " ",
        h("span", { class: "about-hint" }, entry.hint),
      ),
      h("div", { class: "about-more" }, entry.description),
    );
  return h(
    "div",
    { class: "about scroller", tabindex: "0", role: "region", "aria-label": say("about") },
    h(
      "div",
      { class: "home-body" },
      h(
        "div",
        { class: "about-head" },
        ctx.avatar(ctx.bot, 72),
        h(
          "div",
          {},
          h("h2", {}, ctx.bot.real_name, " ", h("span", { class: "badge" }, say("app_badge"))),
          h("p", {}, textOf({ type: "plain_text", text: state.about ?? "" }, ctx)),
        ),
      ),
      h("h3", {}, icon("slash", 18), say("commands")),
      h("ul", { class: "about-commands" }, state.commands.map(command)),
    ),
  );
}
