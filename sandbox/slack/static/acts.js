// Using an element of a message or view: asks first when the app wants it, shows that it is under way,
// and keeps what went wrong until the next try.

import { confirmDialog } from "./dialogs.js";
import { say } from "./words.js";

export class Acts {
  #pending = new Set();
  #failures = new Map();
  #versions = new Map();

  constructor(ctx) {
    this.ctx = ctx;
  }

  /** A number that changes when something of this message or view has to be drawn anew. */
  version(where) {
    return this.#versions.get(where.key) ?? 0;
  }

  isPending(where, block, element) {
    return this.#pending.has(nameOf(where, block, element));
  }

  /** What came of the last click in this block when it went wrong. */
  failure(where, block) {
    return this.#failures.get(`${where.key} ${block.block_id}`) ?? null;
  }

  /** Use an element. Gives false when the person said no. */
  async click(where, block, element, reading) {
    if (element.confirm && !(await confirmDialog(element.confirm, this.ctx))) return false;
    const name = nameOf(where, block, element);
    if (this.#pending.has(name)) return false;
    this.#pending.add(name);
    this.#failures.delete(`${where.key} ${block.block_id}`);
    this.refresh(where);
    const reply = await this.ctx.socket.request({
      do: "click",
      ...where.target,
      block_id: block.block_id,
      action_id: element.action_id,
      reading,
      form: this.ctx.forms.all(where),
    });
    this.#pending.delete(name);
    if (!reply.ok)
      this.#failures.set(`${where.key} ${block.block_id}`, reply.text ?? say("offline"));
    this.refresh(where);
    return true;
  }

  /** Draw a message or view anew though the server said nothing of it. */
  refresh(where) {
    this.#versions.set(where.key, this.version(where) + 1);
    this.ctx.redraw();
  }
}

function nameOf(where, block, element) {
  return [
    where.key,
    block.block_id,
    element.action_id,
    element.type === "button" ? element.value : "",
  ].join(" ");
}
