// Building the page. Text only ever becomes text nodes: nothing here takes HTML.

const PROPERTIES = new Set(["value", "checked", "disabled", "readOnly", "indeterminate"]);
const SAFE_SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);
const SVG = "http://www.w3.org/2000/svg";

/** An element: h("button", {class: "x", onclick: act}, "text", [more nodes]). */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) put(node, name, value);
  node.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

function put(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (typeof value === "function") node.addEventListener(name.slice(2), value);
  else if (name === "dataset") Object.assign(node.dataset, value);
  else if (name === "style")
    for (const [key, entry] of Object.entries(value)) node.style.setProperty(key, entry);
  else if (PROPERTIES.has(name)) node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

/** The URL that a text names, or null for all that a page must not open (javascript: and such). */
export function safeUrl(text) {
  let url;
  try {
    url = new URL(String(text));
  } catch {
    return null;
  }
  return SAFE_SCHEMES.has(url.protocol) ? url : null;
}

/** The address of a picture: files of the workspace are asked for from here, whatever host was written. */
export function pictureUrl(text) {
  const url = safeUrl(text);
  if (url === null || !url.protocol.startsWith("http")) return null;
  return url.pathname.startsWith("/files-pri/") ? url.pathname + url.search : url.href;
}

const SHAPES = {
  hash: "M7.5 3 5.5 17M14.5 3l-2 14M3.5 7.5h14M2.5 12.5h14",
  lock: "M5 9h10a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1ZM6.5 9V6.5a3.5 3.5 0 0 1 7 0V9",
  caret: "M6 8l4 4 4-4",
  close: "M5 5l10 10M15 5 5 15",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  back: "M12.5 4 6.5 10l6 6",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.5 13.5 18 18",
  smile:
    "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM7 12c1.5 2 4.5 2 6 0M7.5 7.5v.6M12.5 7.5v.6",
  thread:
    "M4 3.5h12a1 1 0 0 1 1 1V13a1 1 0 0 1-1 1h-5l-4 3v-3H4a1 1 0 0 1-1-1V4.500a1 1 0 0 1 1-1ZM6.500 7.500h7M6.500 10.500h4.500",
  link: "M8.500 11.500a3 3 0 0 0 4.300 0l2.800-2.800a3 3 0 0 0-4.300-4.300l-1 1M11.500 8.500a3 3 0 0 0-4.300 0l-2.800 2.800a3 3 0 0 0 4.300 4.300l1-1",
  eye: "M1.500 10S4.500 4.500 10 4.500 18.500 10 18.500 10 15.500 15.500 10 15.500 1.500 10 1.500 10ZM10 12.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z",
  more: "M4.500 10h.01M10 10h.01M15.500 10h.01",
  send: "M3 3.500 17.500 10 3 16.500l1.500-6.500L3 3.500ZM4.500 10H11",
  slash: "M4 3h12a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1ZM12 6.500l-4 7",
  bold: "M6 4h4.500a3 3 0 0 1 0 6H6V4ZM6 10h5.500a3 3 0 0 1 0 6H6v-6Z",
  italic: "M8.500 4h5M6.500 16h5M11.500 4l-3 12",
  strike:
    "M13.500 6.500C13 5 11.700 4 10 4 8 4 6.500 5.200 6.500 6.800c0 3.700 7.200 2.200 7.200 6 0 1.900-1.600 3.200-3.700 3.200-2 0-3.400-1-3.900-2.700M3 10h14",
  code: "M7 6l-4 4 4 4M13 6l4 4-4 4",
  pre: "M4 3h12a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1ZM8 7.500 5.800 10 8 12.500M12 7.500l2.200 2.500-2.200 2.500",
  quote: "M4 4v12M8 6h9M8 10h9M8 14h6",
  list: "M4 5.500h.01M4 10h.01M4 14.500h.01M8 5.500h9M8 10h9M8 14.500h9",
  file: "M5 2.500h6.500L16 7v10.500H5v-15ZM11.500 2.500V7H16",
  warn: "M10 3 18 16.500H2L10 3ZM10 8v4M10 14.200v.3",
  check: "M4 10.500 8 14.500 16 5.500",
  archive: "M3 4h14v3.500H3V4ZM4.500 7.500V16h11V7.500M8 10.500h4",
  home: "M3 9.500 10 3.500l7 6V17h-4.500v-4.500h-5V17H3V9.500Z",
  people:
    "M7.500 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 16.500c0-3 2.500-5 5.500-5s5.500 2 5.500 5M13 4a3 3 0 0 1 0 5.500M14.500 11.800c2 .6 3.500 2.300 3.500 4.700",
};

/** A line drawing; decoration, so screen readers do not see it. */
export function icon(name, size = 18) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 20 20",
    width: size,
    height: size,
    "aria-hidden": "true",
    class: `icon icon-${name}`,
  })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** A button that is only an icon. */
export function iconButton(name, label, onclick, props = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...props },
    icon(name),
  );
}

/** Remember where the focus is in `root`; the function given back puts it there again. */
export function keepFocus(root) {
  const active = document.activeElement;
  const key = active && root.contains(active) ? active.dataset?.focus : undefined;
  if (!key) return () => {};
  const span = "selectionStart" in active ? readSelection(active) : null;
  return () => {
    const again = [...root.querySelectorAll("[data-focus]")].find(
      (node) => node.dataset.focus === key,
    );
    if (!again || again === document.activeElement) return;
    again.focus({ preventScroll: true });
    if (span) again.setSelectionRange?.(...span);
  };
}

function readSelection(input) {
  try {
    return input.selectionStart === null ? null : [input.selectionStart, input.selectionEnd];
  } catch {
    return null; // number and email inputs have no selection to read
  }
}

/** An id for label-and-field pairs. */
export const freshId = (
  (count) => () =>
    `n${(count += 1)}`
)(0);
