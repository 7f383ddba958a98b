// Things that open over the page at a button: menus, lists of options, the emoji picker.

import { h } from "./dom.js";

const MARGIN = 8;
let current = null;

/** Show `content` at `anchor` until it is used, Escape is pressed or something else is clicked. */
export function openPopover(
  anchor,
  content,
  { onclose = () => {}, above = false, width = null, label = null } = {},
) {
  current?.close();
  const box = h("div", { class: "popover", popover: "auto", "aria-label": label }, content);
  const host = anchor.closest("dialog") ?? document.body;
  const isModalHost = host !== document.body;
  host.append(box);
  box.showPopover();
  if (width) box.style.minWidth = `${width}px`;
  const settle = () => place(box, anchor, above);
  settle();
  addEventListener("resize", settle);
  const handle = { box, settle, close: () => box.matches(":popover-open") && box.hidePopover() };
  box.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    removeEventListener("resize", settle);
    box.remove();
    if (current === handle) current = null;
    onclose();
  });
  // Escape ends the popover only, not the dialog under it.
  if (isModalHost)
    box.addEventListener(
      "keydown",
      (event) =>
        event.key === "Escape" && (event.preventDefault(), event.stopPropagation(), handle.close()),
    );
  current = handle;
  return handle;
}

function place(box, anchor, above) {
  if (!anchor.isConnected) return;
  const at = anchor.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const roomBelow = innerHeight - at.bottom - MARGIN;
  const isAbove = above
    ? at.top - MARGIN >= size.height || at.top > roomBelow
    : roomBelow < size.height && at.top > roomBelow;
  box.style.maxHeight = `${Math.max(120, (isAbove ? at.top : innerHeight - at.bottom) - 2 * MARGIN)}px`;
  const height = Math.min(size.height, parseFloat(box.style.maxHeight));
  box.style.top = `${Math.max(MARGIN, isAbove ? at.top - height - 4 : at.bottom + 4)}px`;
  box.style.left = `${Math.max(MARGIN, Math.min(at.left, innerWidth - size.width - MARGIN))}px`;
}

/** A menu at a button. entries: [{label, act, href, isDanger, node}]. */
export function openMenu(anchor, entries, label) {
  const items = entries.map((entry) => menuItem(entry, () => handle.close()));
  const menu = h(
    "div",
    {
      class: "menu",
      role: "menu",
      "aria-label": label,
      onkeydown: (event) => moveFocus(event, items),
    },
    items,
  );
  anchor.setAttribute("aria-expanded", "true");
  const handle = openPopover(anchor, menu, {
    onclose: () => {
      anchor.setAttribute("aria-expanded", "false");
      if (document.activeElement === document.body) anchor.focus();
    },
  });
  items[0]?.focus();
  return handle;
}

function menuItem(entry, close) {
  const content = entry.node ?? entry.label;
  const act = () => {
    close();
    entry.act?.();
  };
  const props = {
    class: entry.isDanger ? "menu-item danger" : "menu-item",
    role: "menuitem",
    tabindex: "-1",
    onclick: act,
    "aria-current": entry.isCurrent ? "true" : null,
  };
  return entry.href
    ? h(
        "a",
        { ...props, href: entry.href, target: entry.target, rel: "noopener noreferrer" },
        content,
      )
    : h("button", { ...props, type: "button" }, content);
}

function moveFocus(event, items) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length].focus();
}
