// Choosing an emoji.

import { h } from "./dom.js";
import { PICKABLE } from "./emoji.js";
import { openPopover } from "./popover.js";
import { say } from "./words.js";

/** Let the person choose; `onpick` gets the emoji's name. */
export function openEmojiPicker(anchor, onpick, above = false) {
  const grid = h("div", { class: "emoji-grid", role: "group", "aria-label": say("emoji") });
  const search = h("input", {
    type: "text",
    class: "option-search",
    placeholder: say("search_emoji"),
    "aria-label": say("search_emoji"),
    autocomplete: "off",
    spellcheck: "false",
  });
  const handle = openPopover(anchor, h("div", { class: "emoji-picker" }, search, grid), {
    above,
    label: say("emoji"),
  });
  const pick = (name) => {
    handle.close();
    onpick(name);
  };
  const paint = () => {
    const wanted = search.value.trim().toLowerCase().replace(/:/g, "");
    const found = PICKABLE.filter(([name]) => name.includes(wanted));
    grid.replaceChildren(
      ...found.map(([name, char]) =>
        h(
          "button",
          {
            type: "button",
            class: "emoji-choice",
            title: `:${name}:`,
            "aria-label": name.replace(/[_-]/g, " "),
            onclick: () => pick(name),
          },
          char,
        ),
      ),
    );
  };
  search.addEventListener("input", paint);
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    grid.querySelector("button")?.click();
  });
  paint();
  search.focus();
  handle.settle();
}
