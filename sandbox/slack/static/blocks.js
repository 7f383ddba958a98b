// The blocks of Block Kit as elements.

import { freshId, h, icon } from "./dom.js";
import { imageAddress, picture, renderElement, textOf } from "./elements.js";
import { markdown } from "./markdown.js";
import { richText } from "./rich_text.js";
import { say } from "./words.js";

/** where: {key, target, values, errors}: the message or view that the blocks belong to. */
export function renderBlocks(blocks, where, ctx) {
  return blocks.map((block) => {
    const make = BLOCKS[block.type];
    const node = make
      ? make(block, where, ctx)
      : h("div", { class: "unsupported" }, say("unsupported", { kind: String(block.type) }));
    node.classList.add("block");
    node.dataset.block = block.block_id ?? "";
    const failure = ctx.acts.failure(where, block);
    return failure
      ? [
          node,
          h(
            "div",
            { class: "block-failure", role: "alert" },
            icon("warn", 15),
            h("span", {}, failure),
          ),
        ]
      : node;
  });
}

function section(block, where, ctx) {
  const text = block.text ? h("div", { class: "section-text" }, textOf(block.text, ctx)) : null;
  const fields = block.fields
    ? h(
        "div",
        { class: "section-fields" },
        block.fields.map((field) => h("div", { class: "section-field" }, textOf(field, ctx))),
      )
    : null;
  const accessory = block.accessory;
  return h(
    "div",
    {
      class: accessory
        ? `block-section with-${accessory.type === "image" ? "image" : "control"}`
        : "block-section",
    },
    h("div", { class: "section-body" }, text, fields),
    accessory
      ? h(
          "div",
          { class: "section-accessory" },
          renderElement({ ctx, where, block, element: accessory }),
        )
      : null,
  );
}

function header(block, _where, ctx) {
  return h(
    "div",
    { class: "block-header", role: "heading", "aria-level": block.level ?? 3 },
    textOf(block.text, ctx),
  );
}

function context(block, _where, ctx) {
  return h(
    "div",
    { class: "block-context" },
    block.elements.map((element) =>
      element.type === "image"
        ? picture(element, ctx, { class: "context-image" })
        : h("span", { class: "context-text" }, textOf(element, ctx)),
    ),
  );
}

function image(block, _where, ctx) {
  const src = imageAddress(block, ctx);
  const title = block.title ? h("figcaption", {}, textOf(block.title, ctx)) : null;
  if (!src)
    return h(
      "figure",
      { class: "block-image" },
      title,
      h("span", { class: "unsupported" }, block.alt_text),
    );
  return h(
    "figure",
    { class: "block-image" },
    title,
    h(
      "a",
      { href: src, target: "_blank", rel: "noopener noreferrer" },
      picture(block, ctx, { loading: "lazy" }),
    ),
  );
}

function actions(block, where, ctx) {
  return h(
    "div",
    { class: "block-actions", role: "group" },
    block.elements.map((element) => renderElement({ ctx, where, block, element })),
  );
}

function input(block, where, ctx) {
  const [labelId, hintId, errorId] = [freshId(), freshId(), freshId()];
  const error = where.errors?.[block.block_id];
  const describedBy =
    [error ? errorId : "", block.hint ? hintId : ""].filter(Boolean).join(" ") || null;
  const optional = block.optional ? h("span", { class: "optional" }, ` ${say("optional")}`) : null;
  const control = renderElement({
    ctx,
    where,
    block,
    element: block.element,
    isInput: true,
    invalid: Boolean(error),
    label: { labelledBy: labelId, describedBy },
  });
  return h(
    "div",
    { class: error ? "block-input invalid" : "block-input" },
    h("div", { class: "input-label", id: labelId }, textOf(block.label, ctx), optional),
    control,
    error
      ? h(
          "div",
          { class: "input-error", id: errorId, role: "alert" },
          icon("warn", 15),
          h("span", {}, error),
        )
      : null,
    block.hint ? h("div", { class: "input-hint", id: hintId }, textOf(block.hint, ctx)) : null,
  );
}

function table(block, _where, ctx) {
  const settings = block.column_settings ?? [];
  const [head, ...body] = block.rows;
  const look = (at) => ({
    class: `align-${settings[at]?.align ?? "left"}${settings[at]?.is_wrapped ? " wrapped" : ""}`,
  });
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": say("table") },
    h(
      "table",
      { class: "block-table" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          head.map((cell, at) => h("th", { scope: "col", ...look(at) }, cellOf(cell, ctx))),
        ),
      ),
      h(
        "tbody",
        {},
        body.map((row) =>
          h(
            "tr",
            {},
            row.map((cell, at) => h("td", look(at), cellOf(cell, ctx))),
          ),
        ),
      ),
    ),
  );
}

function cellOf(cell, ctx) {
  if (cell.type === "rich_text") return richText(cell, ctx);
  return String(cell.text ?? cell.value ?? "");
}

function alert(block, _where, ctx) {
  return h(
    "div",
    { class: `block-alert ${block.level ?? "default"}`, role: "note" },
    icon("warn", 18),
    h("div", {}, textOf(block.text, ctx)),
  );
}

const BLOCKS = {
  section,
  header,
  divider: () => h("hr", { class: "block-divider" }),
  context,
  image,
  actions,
  context_actions: actions,
  input,
  rich_text: (block, _where, ctx) => richText(block, ctx),
  markdown: (block, _where, ctx) =>
    h("div", { class: "block-markdown" }, markdown(block.text, ctx)),
  table,
  alert,
};
