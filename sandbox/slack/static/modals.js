// The stack of modals that the app has opened; the one on top is shown.

import { renderBlocks } from "./blocks.js";
import { freshId, h, icon, iconButton, keepFocus } from "./dom.js";
import { textOf } from "./elements.js";
import { say } from "./words.js";

export class Modals {
  #dialog = null;
  #shell = null;
  #before = null;
  #shown = "";
  #submitting = null;
  #failure = null;
  #corrected = new Set();

  constructor(ctx) {
    this.ctx = ctx;
  }

  /** Show what the state says. */
  update() {
    const view = this.ctx.store.state.views.at(-1);
    if (!view) return this.#hide();
    if (!this.#dialog) this.#open();
    const where = this.#where(view);
    const shown = JSON.stringify([
      view.id,
      view.hash,
      view.errors,
      this.ctx.acts.version(where),
      this.#submitting,
      this.#failure,
      view.previous_view_id,
    ]);
    if (shown === this.#shown) return undefined;
    const isOther = this.#dialog.dataset.view !== view.id;
    this.#shown = shown;
    this.#dialog.dataset.view = view.id;
    this.#draw(view, where, isOther);
    return undefined;
  }

  /** A field was changed: what was wrong with it is no longer said. */
  touched(where, block) {
    const name = `${where.key} ${block.block_id}`;
    if (!where.errors?.[block.block_id] || this.#corrected.has(name)) return;
    this.#corrected.add(name);
    const node = this.#shell?.querySelector(`[data-block="${CSS.escape(block.block_id)}"]`);
    node?.classList.remove("invalid");
    node?.querySelector(".input-error")?.remove();
    for (const field of node?.querySelectorAll("[aria-invalid]") ?? [])
      field.removeAttribute("aria-invalid");
  }

  #open() {
    this.#before = document.activeElement;
    this.#shell = h("div", { class: "modal-shell" });
    this.#dialog = h(
      "dialog",
      { class: "dialog modal", oncancel: (event) => this.#cancel(event) },
      this.#shell,
    );
    document.body.append(this.#dialog);
    this.#dialog.showModal();
  }

  #hide() {
    if (!this.#dialog) return;
    const key = this.#before?.dataset?.focus;
    this.#dialog.close();
    this.#dialog.remove();
    const again = this.#before?.isConnected
      ? this.#before
      : key && document.querySelector(`[data-focus="${CSS.escape(key)}"]`);
    this.#dialog = this.#shell = null;
    this.#shown = "";
    this.#failure = null;
    this.#corrected.clear();
    if (again) again.focus({ preventScroll: true });
  }

  #where(view) {
    const key = `view:${view.id}`;
    const errors = Object.fromEntries(
      Object.entries(view.errors ?? {}).filter(
        ([block]) => !this.#corrected.has(`${key} ${block}`),
      ),
    );
    return { key, target: { view: view.id }, values: view.state?.values, errors };
  }

  #draw(view, where, isOther) {
    const refocus = keepFocus(this.#shell);
    const top = this.#shell.querySelector(".dialog-body")?.scrollTop ?? 0;
    const titleId = freshId();
    this.#dialog.setAttribute("aria-labelledby", titleId);
    const body = h(
      "div",
      { class: "dialog-body blocks" },
      renderBlocks(view.blocks, where, this.ctx),
    );
    const form = h(
      "form",
      {
        class: "modal-form",
        novalidate: true,
        onsubmit: (event) => this.#submit(event, view, where),
      },
      this.#head(view, titleId),
      body,
      this.#trouble(),
      this.#foot(view),
    );
    this.#shell.replaceChildren(form);
    if (!isOther) body.scrollTop = top;
    if (isOther) this.#focusFirst(form);
    else refocus();
    if (document.activeElement === document.body) form.querySelector(".dialog-head button").focus();
    const wrong = form.querySelector(".block-input.invalid");
    if (wrong && !isOther) wrong.scrollIntoView({ block: "nearest" });
  }

  #head(view, titleId) {
    const { ctx } = this;
    const isPushed = Boolean(view.previous_view_id);
    return h(
      "header",
      { class: "dialog-head" },
      isPushed ? iconButton("back", say("back"), () => this.#close(view)) : ctx.avatar(ctx.bot, 28),
      h("h2", { id: titleId }, textOf(view.title, ctx)),
      iconButton("close", say("close"), () => this.#close(view, true)),
    );
  }

  #trouble() {
    return this.#failure
      ? h(
          "div",
          { class: "dialog-trouble", role: "alert" },
          icon("warn", 16),
          h("span", {}, this.#failure),
        )
      : null;
  }

  #foot(view) {
    const isSending = this.#submitting === view.id;
    const close = view.close ? textOf(view.close, this.ctx) : say(view.submit ? "cancel" : "close");
    const submit = view.submit
      ? h(
          "button",
          {
            type: "submit",
            class: `button large primary${isSending ? " pending" : ""}`,
            disabled: isSending,
            "aria-busy": isSending ? "true" : null,
            dataset: { focus: "submit" },
          },
          h("span", { class: "button-text" }, textOf(view.submit, this.ctx)),
          isSending ? h("span", { class: "spinner", "aria-hidden": "true" }) : null,
        )
      : null;
    return h(
      "footer",
      { class: "dialog-foot" },
      h(
        "button",
        {
          type: "button",
          class: "button large plain",
          onclick: () => this.#close(view),
          dataset: { focus: "close" },
        },
        close,
      ),
      submit,
    );
  }

  #focusFirst(form) {
    const wanted =
      form.querySelector('[data-autofocus="yes"]') ??
      form.querySelector(".dialog-body :is(input, textarea, .select):not([disabled])");
    (
      wanted ??
      form.querySelector('button[type="submit"]') ??
      form.querySelector(".dialog-foot button")
    ).focus({ preventScroll: true });
    form.querySelector(".dialog-body").scrollTop = 0;
  }

  #cancel(event) {
    event.preventDefault();
    const view = this.ctx.store.state.views.at(-1);
    if (view) this.#close(view);
  }

  async #close(view, all = false) {
    const reply = await this.ctx.socket.request({ do: "close", view: view.id, all });
    if (!reply.ok) this.#fail(reply);
  }

  async #submit(event, view, where) {
    event.preventDefault();
    if (!view.submit || this.#submitting === view.id) return;
    this.#submitting = view.id;
    this.#failure = null;
    this.#corrected.clear();
    this.update();
    const reply = await this.ctx.socket.request({
      do: "submit",
      view: view.id,
      form: this.ctx.forms.all(where),
    });
    this.#submitting = null;
    if (!reply.ok && !Object.keys(reply.errors ?? {}).length) this.#fail(reply);
    this.update();
    this.#shell?.querySelector('.block-input.invalid [aria-invalid="true"]')?.focus();
  }

  #fail(reply) {
    this.#failure = reply.text ?? say("offline");
    this.update();
  }
}
