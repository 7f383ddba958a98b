// A select of Block Kit: a button that opens a list which can be searched.

import { freshId, h, icon } from "./dom.js";
import { openPopover } from "./popover.js";
import { say } from "./words.js";

/**
 * options: [{value, label, description, group, picture}]; chosen: values; many: several may be chosen.
 * onpick gets the values whenever they change. The node's `show` is called with what was chosen.
 */
export function select({
  options,
  chosen,
  placeholder,
  label,
  labelledBy,
  describedBy,
  many = false,
  max = Infinity,
  disabled = false,
  invalid = false,
  focusKey,
  onpick,
}) {
  let picked = [...chosen];
  const face = h("span", { class: "select-face" });
  const button = h(
    "button",
    {
      type: "button",
      class: "select",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      disabled,
      "aria-invalid": invalid ? "true" : null,
      "aria-label": label,
      "aria-labelledby": labelledBy,
      "aria-describedby": describedBy,
      dataset: { focus: focusKey },
      onclick: open,
      onkeydown: openByKey,
    },
    face,
    icon("caret", 16),
  );

  function paint() {
    const known = picked
      .map((value) => options.find((option) => option.value === value))
      .filter(Boolean);
    face.replaceChildren(...faceOf(known, many, placeholder));
    face.classList.toggle("unpicked", known.length === 0);
  }

  function openByKey(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      open();
    }
  }

  function open() {
    button.setAttribute("aria-expanded", "true");
    openList(button, { options, picked, many, label: label ?? placeholder }, choose);
  }

  function choose(value) {
    if (!many) picked = [value];
    else if (picked.includes(value)) picked = picked.filter((entry) => entry !== value);
    else if (picked.length < max) picked = [...picked, value];
    paint();
    onpick(picked);
    return picked;
  }

  paint();
  return button;
}

function faceOf(known, many, placeholder) {
  if (known.length === 0) return [placeholder];
  if (!many) return [known[0].label];
  return known.map((option) => h("span", { class: "token" }, option.label));
}

function openList(button, spec, choose) {
  const listId = freshId();
  const list = h("div", {
    id: listId,
    class: "options",
    role: "listbox",
    "aria-label": spec.label,
    "aria-multiselectable": spec.many ? "true" : null,
  });
  const search = h("input", {
    class: "option-search",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-expanded": "true",
    "aria-controls": listId,
    "aria-autocomplete": "list",
    "aria-label": say("search_options"),
    placeholder: say("search_options"),
  });
  const view = new OptionList(list, search, spec);
  const handle = openPopover(button, h("div", { class: "select-list" }, search, list), {
    width: Math.max(220, button.getBoundingClientRect().width),
    onclose: () => {
      button.setAttribute("aria-expanded", "false");
      if (document.activeElement === document.body) button.isConnected && button.focus();
    },
  });
  const pick = (value) => {
    spec.picked = choose(value);
    if (spec.many) return view.paint();
    handle.close();
    document.querySelector(`[data-focus="${CSS.escape(button.dataset.focus ?? "")}"]`)?.focus();
    return undefined;
  };
  view.onpick = pick;
  view.paint();
  search.addEventListener("input", () => view.reset());
  search.addEventListener("keydown", (event) => view.key(event));
  search.focus();
  handle.settle();
}

class OptionList {
  #active = 0;
  #shown = [];

  constructor(list, search, spec) {
    Object.assign(this, { list, search, spec, onpick: () => {} });
    this.#active = Math.max(
      0,
      spec.options.findIndex((option) => option.value === spec.picked[0]),
    );
  }

  reset() {
    this.#active = 0;
    this.paint();
  }

  paint() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    this.#shown = this.spec.options.filter((option) =>
      `${option.label} ${option.description ?? ""}`.toLocaleLowerCase().includes(wanted),
    );
    this.list.replaceChildren(
      ...(this.#shown.length
        ? this.#rows()
        : [h("div", { class: "no-options" }, say("no_results"))]),
    );
    this.#mark();
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing) return;
    if (step && this.#shown.length)
      this.#active = (this.#active + step + this.#shown.length) % this.#shown.length;
    else if (event.key === "Enter")
      this.#shown[this.#active] && this.onpick(this.#shown[this.#active].value);
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#mark();
  }

  #rows() {
    const rows = [];
    let group;
    for (const [at, option] of this.#shown.entries()) {
      if (option.group && option.group !== group)
        rows.push(h("div", { class: "option-group", role: "presentation" }, option.group));
      group = option.group;
      rows.push(this.#row(option, at));
    }
    return rows;
  }

  #row(option, at) {
    const isPicked = this.spec.picked.includes(option.value);
    return h(
      "div",
      {
        id: `${this.list.id}-${at}`,
        class: "option",
        role: "option",
        "aria-selected": String(isPicked),
        onclick: () => this.onpick(option.value),
        onmousemove: () => this.#hover(at),
      },
      option.picture,
      h(
        "span",
        { class: "option-text" },
        h("span", {}, option.label),
        option.description ? h("span", { class: "option-description" }, option.description) : null,
      ),
      isPicked ? icon("check", 16) : null,
    );
  }

  #hover(at) {
    if (at === this.#active) return;
    this.#active = at;
    this.#mark(false);
  }

  #mark(scroll = true) {
    for (const row of this.list.querySelectorAll(".option.active")) row.classList.remove("active");
    const row = document.getElementById(`${this.list.id}-${this.#active}`);
    row?.classList.add("active");
    if (scroll) row?.scrollIntoView({ block: "nearest" });
    this.search.setAttribute("aria-activedescendant", row?.id ?? "");
  }
}
