// rich_text blocks: docs.slack.dev/reference/block-kit/blocks/rich-text-block.

import { h } from "./dom.js";
import {
  broadcast,
  channelMention,
  date,
  emoji,
  groupMention,
  link,
  userMention,
} from "./mrkdwn.js";

/** The parts of a rich_text block. */
export function richText(block, ctx) {
  return h(
    "div",
    { class: "rich-text" },
    (block.elements ?? []).map((part) => PARTS[part.type]?.(part, ctx)),
  );
}

const PARTS = {
  rich_text_section: (part, ctx) => h("div", { class: "rich-section" }, leaves(part, ctx)),
  rich_text_preformatted: (part, ctx) =>
    h("pre", { class: "code-block", tabindex: "0" }, h("code", {}, leaves(part, ctx))),
  rich_text_quote: (part, ctx) => h("blockquote", {}, leaves(part, ctx)),
  rich_text_list: list,
};

function list(part, ctx) {
  const isOrdered = part.style === "ordered";
  const props = {
    class: `rich-list indent-${Math.min(part.indent ?? 0, 8)}`,
    start: isOrdered && part.offset ? part.offset + 1 : null,
  };
  return h(
    isOrdered ? "ol" : "ul",
    props,
    (part.elements ?? []).map((entry) => h("li", {}, leaves(entry, ctx))),
  );
}

const leaves = (part, ctx) =>
  (part.elements ?? []).map((leaf) => styled(LEAVES[leaf.type]?.(leaf, ctx) ?? null, leaf.style));

const LEAVES = {
  text: (leaf) => String(leaf.text ?? ""),
  link: (leaf, ctx) => link(leaf.url, [String(leaf.text || leaf.url)], ctx),
  user: (leaf, ctx) => userMention(leaf.user_id, ctx),
  channel: (leaf, ctx) => channelMention(leaf.channel_id, ctx),
  usergroup: (leaf, ctx) => groupMention(leaf.usergroup_id, ctx),
  broadcast: (leaf) => broadcast(leaf.range),
  emoji: (leaf) => emoji(leaf.name) ?? `:${leaf.name}:`,
  date: (leaf, ctx) =>
    date(leaf.timestamp, leaf.format ?? "{date_num}", ctx, { address: leaf.url }),
  color: (leaf) => h("span", { class: "color-chip" }, String(leaf.value)),
};

function styled(node, style) {
  if (node === null || !style) return node;
  let made = node;
  if (style.code) made = h("code", { class: "code" }, made);
  if (style.bold) made = h("strong", {}, made);
  if (style.italic) made = h("em", {}, made);
  if (style.strike) made = h("s", {}, made);
  if (style.underline) made = h("u", {}, made);
  return made;
}
