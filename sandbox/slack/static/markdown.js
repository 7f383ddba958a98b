// markdown blocks: the parts of standard Markdown that Slack shows.

import { h } from "./dom.js";
import { emoji, link, userMention } from "./mrkdwn.js";

/** The elements of a Markdown text. */
export function markdown(text, ctx) {
  const rows = text.split("\n");
  const nodes = [];
  let at = 0;
  while (at < rows.length) {
    const kind = KINDS.find((entry) => entry.starts(rows[at], rows[at + 1]));
    let end = at + 1;
    while (kind.goesOn && end < rows.length && kind.goesOn(rows[end], rows[at])) end += 1;
    if (kind.closes && end < rows.length) end += 1;
    nodes.push(kind.make(rows.slice(at, end), ctx));
    at = end;
  }
  return nodes;
}

const KINDS = [
  {
    starts: (row) => row.startsWith("```"),
    goesOn: (row) => !row.startsWith("```"),
    closes: true,
    make: fence,
  },
  { starts: (row) => /^#{1,6} /.test(row), make: (rows, ctx) => heading(rows[0], ctx) },
  { starts: (row) => /^(-{3,}|\*{3,})\s*$/.test(row), make: () => h("hr", {}) },
  {
    starts: (row) => row.startsWith(">"),
    goesOn: (row) => row.startsWith(">"),
    make: (rows, ctx) =>
      h("blockquote", {}, markdown(rows.map((row) => row.replace(/^> ?/, "")).join("\n"), ctx)),
  },
  {
    starts: (row, below) => row.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(below ?? ""),
    goesOn: (row) => row.includes("|"),
    make: table,
  },
  {
    starts: (row) => /^\s*[-*+] /.test(row),
    goesOn: (row) => /^\s*[-*+] /.test(row),
    make: (rows, ctx) => list("ul", rows, ctx),
  },
  {
    starts: (row) => /^\s*\d+[.)] /.test(row),
    goesOn: (row) => /^\s*\d+[.)] /.test(row),
    make: (rows, ctx) => list("ol", rows, ctx),
  },
  {
    starts: () => true,
    make: (rows, ctx) =>
      h("div", { class: "rich-section" }, rows[0] ? inline(rows[0], ctx) : h("br")),
  },
];

function fence(rows) {
  const inner = rows.slice(1, rows.at(-1).startsWith("```") && rows.length > 1 ? -1 : undefined);
  return h("pre", { class: "code-block", tabindex: "0" }, h("code", {}, inner.join("\n")));
}

function heading(row, ctx) {
  const [, marks, text] = /^(#+) (.*)$/.exec(row);
  return h(
    "div",
    {
      class: `markdown-heading level-${marks.length}`,
      role: "heading",
      "aria-level": marks.length + 2,
    },
    inline(text, ctx),
  );
}

function list(tag, rows, ctx) {
  return h(
    tag,
    { class: "rich-list" },
    rows.map((row) => {
      const [, indent, text] = /^(\s*)(?:[-*+]|\d+[.)]) (.*)$/.exec(row);
      return h(
        "li",
        { class: `indent-${Math.min(Math.floor(indent.length / 2), 8)}` },
        inline(text, ctx),
      );
    }),
  );
}

function table(rows, ctx) {
  const cells = (row) =>
    row
      .trim()
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => cell.trim());
  const [head, , ...body] = rows;
  return h(
    "div",
    { class: "table-scroll", tabindex: "0" },
    h(
      "table",
      { class: "block-table" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          cells(head).map((cell) => h("th", { scope: "col" }, inline(cell, ctx))),
        ),
      ),
      h(
        "tbody",
        {},
        body.map((row) =>
          h(
            "tr",
            {},
            cells(row).map((cell) => h("td", {}, inline(cell, ctx))),
          ),
        ),
      ),
    ),
  );
}

const INLINE = [
  [/`([^`]+)`/, (m) => h("code", { class: "code" }, m[1])],
  [/\[([^\]]+)\]\(([^)\s]+)\)/, (m, ctx) => link(m[2], inline(m[1], ctx), ctx)],
  [/<@(\w+)>/, (m, ctx) => userMention(m[1], ctx)],
  [/(?:\*\*|__)(\S(?:.*?\S)?)(?:\*\*|__)/, (m, ctx) => h("strong", {}, inline(m[1], ctx))],
  [/~~(\S(?:.*?\S)?)~~/, (m, ctx) => h("s", {}, inline(m[1], ctx))],
  [
    /(?<![\p{L}\p{N}*_])[*_](\S(?:.*?\S)?)[*_](?![\p{L}\p{N}*_])/u,
    (m, ctx) => h("em", {}, inline(m[1], ctx)),
  ],
  [/https?:\/\/[^\s<>]+[^\s<>.,;:!?)]/, (m, ctx) => link(m[0], [m[0]], ctx)],
  [/:([a-z0-9_+-]+):/, (m) => emoji(m[1])],
];

function inline(text, ctx) {
  let first = null;
  for (const [pattern, make] of INLINE) {
    const match = pattern.exec(text);
    if (match && (first === null || match.index < first.match.index)) first = { match, make };
  }
  if (first === null) return [text];
  const { match, make } = first;
  const rest = text.slice(match.index + match[0].length);
  return [text.slice(0, match.index), make(match, ctx) ?? match[0], ...inline(rest, ctx)];
}
