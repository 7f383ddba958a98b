// The interactive elements of Block Kit.

import { freshId, h, icon, pictureUrl, safeUrl } from "./dom.js";
import { optionsOf } from "./forms.js";
import { inputElement, INPUT_TYPES } from "./inputs.js";
import { flat, mrkdwn, plainText } from "./mrkdwn.js";
import { openMenu } from "./popover.js";
import { select } from "./select.js";
import { say } from "./words.js";

/** The elements of a text object, plain_text or mrkdwn. */
export function textOf(object, ctx) {
  if (!object) return [];
  if (typeof object === "string") return mrkdwn(object, ctx);
  if (object.type === "plain_text")
    return plainText(object.text, ctx, { emoji: object.emoji !== false });
  return mrkdwn(object.text, ctx, { verbatim: object.verbatim === true });
}

/** A text object as words only. */
export function labelOf(object, ctx) {
  if (!object) return "";
  return object.type === "mrkdwn"
    ? flat(object.text, ctx)
    : h("span", {}, textOf(object, ctx)).textContent;
}

/**
 * An element as the page shows it.
 * use: {ctx, where, block, element, label: {labelledBy, describedBy}, isInput, invalid}
 */
export function renderElement(use) {
  const { element, where, block, ctx } = use;
  if (element.type === "image") return picture(element, ctx);
  const renderer = RENDERERS[element.type];
  if (!renderer)
    return h("span", { class: "unsupported" }, say("unsupported", { kind: String(element.type) }));
  const full = {
    ...use,
    focusKey: `${where.key} ${block.block_id} ${element.action_id} ${element.value ?? ""}`,
    pending: ctx.acts.isPending(where, block, element),
  };
  return renderer(full);
}

export function picture(element, ctx, props = {}) {
  const src = imageAddress(element, ctx);
  return src
    ? h("img", { src, alt: element.alt_text ?? "", title: element.alt_text, ...props })
    : h("span", { class: "unsupported" }, element.alt_text ?? "");
}

export function imageAddress(element, ctx) {
  const file = element.slack_file;
  if (file?.id)
    return `/files-pri/${encodeURIComponent(ctx.store.state.team.id)}-${encodeURIComponent(file.id)}/image`;
  return pictureUrl(file?.url ?? element.image_url);
}

/** Note a reading; an element that is not part of a form is sent at once. */
export function changed(use, reading) {
  const { ctx, where, block, element, isInput } = use;
  const before = ctx.forms.get(where, block, element);
  ctx.forms.set(where, block, element, reading);
  ctx.touched?.(where, block);
  if (isInput && !block.dispatch_action) return;
  ctx.acts.click(where, block, element, reading).then((isSent) => {
    if (isSent) return;
    ctx.forms.set(where, block, element, before);
    ctx.acts.refresh(where);
  });
}

function button(use) {
  const { element, ctx, where, block, pending, focusKey } = use;
  const url = element.url ? safeUrl(element.url) : null;
  const inside = url ? ctx.insideLink(url) : null;
  const press = (event) => {
    if (inside) {
      event.preventDefault();
      ctx.go(inside);
    }
    ctx.acts.click(where, block, element, element.value);
  };
  const props = {
    class: `button ${element.style ?? "plain"}${pending ? " pending" : ""}`,
    onclick: press,
    dataset: { focus: focusKey },
    "aria-label": element.accessibility_label,
    "aria-busy": pending ? "true" : null,
  };
  const content = [
    h("span", { class: "button-text" }, textOf(element.text, ctx)),
    pending ? h("span", { class: "spinner", "aria-hidden": "true" }) : null,
  ];
  if (url && !element.confirm)
    return h(
      "a",
      { ...props, href: url.href, target: "_blank", rel: "noopener noreferrer" },
      content,
    );
  return h("button", { ...props, type: "button", disabled: pending }, content);
}

function overflow(use) {
  const { element, ctx, where, block, pending, focusKey } = use;
  const entries = element.options.map((option) => {
    const url = option.url ? safeUrl(option.url) : null;
    return {
      node: textOf(option.text, ctx),
      href: url?.href,
      target: "_blank",
      act: () => ctx.acts.click(where, block, element, option.value),
    };
  });
  return h(
    "button",
    {
      type: "button",
      class: "button plain overflow",
      disabled: pending,
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      "aria-label": say("more_actions"),
      dataset: { focus: focusKey },
      onclick: (event) => openMenu(event.currentTarget, entries, say("more_actions")),
    },
    icon("more"),
  );
}

function choices(element, ctx) {
  const one = (option, group) => ({
    value: option.value,
    group,
    label: labelOf(option.text, ctx),
    description: option.description ? labelOf(option.description, ctx) : null,
  });
  if (element.options) return element.options.map((option) => one(option));
  return (element.option_groups ?? []).flatMap((group) =>
    group.options.map((option) => one(option, labelOf(group.label, ctx))),
  );
}

const people = (ctx) =>
  Object.values(ctx.store.state.users)
    .filter((user) => !user.deleted)
    .map((user) => ({
      value: user.id,
      label: user.real_name,
      description: user.title || null,
      picture: ctx.avatar(user, 20),
    }));
const rooms = (ctx) =>
  [...ctx.store.channels.values()]
    .filter((channel) => !channel.is_im && !channel.is_archived)
    .map((channel) => ({
      value: channel.id,
      label: `${channel.is_private ? "🔒 " : "#"}${channel.name}`,
    }));
const talks = (ctx) =>
  [...ctx.store.channels.values()]
    .filter((channel) => !channel.is_archived)
    .map((channel) => ({
      value: channel.id,
      label: channel.is_im
        ? (ctx.store.user(channel.other)?.real_name ?? channel.other)
        : `${channel.is_private ? "🔒 " : "#"}${channel.name}`,
    }));

const SOURCES = {
  static_select: (element, ctx) => choices(element, ctx),
  users_select: (_element, ctx) => people(ctx),
  channels_select: (_element, ctx) => rooms(ctx),
  conversations_select: (_element, ctx) => talks(ctx),
};

function anySelect(use) {
  const { element, ctx, where, block, label = {}, invalid, focusKey, pending } = use;
  const many = element.type.startsWith("multi_");
  const reading = ctx.forms.get(where, block, element);
  const send =
    many && !use.isInput
      ? later((values) => changed(use, values))
      : (values) => changed(use, many ? values : values[0]);
  return select({
    options: SOURCES[element.type.replace("multi_", "")](element, ctx),
    chosen: many ? (reading ?? []) : reading ? [reading] : [],
    many,
    max: element.max_selected_items,
    placeholder: element.placeholder
      ? labelOf(element.placeholder, ctx)
      : say(many ? "choose_options" : "choose_option"),
    label: label.labelledBy
      ? null
      : element.placeholder
        ? labelOf(element.placeholder, ctx)
        : say("choose_option"),
    labelledBy: label.labelledBy,
    describedBy: label.describedBy,
    invalid,
    disabled: pending,
    focusKey,
    onpick: send,
  });
}

/** The last of several quick calls: a multi-select is sent when the person has stopped picking. */
function later(act, delayMs = 600) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...args), delayMs);
  };
}

function ticks(use) {
  const { element, ctx, where, block, label = {}, invalid, focusKey, pending } = use;
  const isMany = element.type === "checkboxes";
  const reading = ctx.forms.get(where, block, element);
  const name = freshId();
  const pick = (option, isChecked) => {
    if (!isMany) return changed(use, option.value);
    const now = ctx.forms.get(where, block, element).filter((value) => value !== option.value);
    return changed(use, isChecked ? [...now, option.value] : now);
  };
  const row = (option) =>
    h(
      "label",
      { class: "tick" },
      h("input", {
        type: isMany ? "checkbox" : "radio",
        name,
        checked: isMany ? reading.includes(option.value) : reading === option.value,
        disabled: pending,
        dataset: { focus: `${focusKey} ${option.value}` },
        onchange: (event) => pick(option, event.target.checked),
      }),
      h(
        "span",
        { class: "tick-text" },
        h("span", {}, textOf(option.text, ctx)),
        option.description
          ? h("span", { class: "tick-description" }, textOf(option.description, ctx))
          : null,
      ),
    );
  return h(
    "div",
    {
      class: "ticks",
      role: isMany ? "group" : "radiogroup",
      "aria-labelledby": label.labelledBy,
      "aria-describedby": label.describedBy,
      "aria-label": label.labelledBy ? null : say("choose_option"),
      "aria-invalid": invalid && !isMany ? "true" : null,
    },
    optionsOf(element).map(row),
  );
}

const RENDERERS = {
  button,
  workflow_button: button,
  overflow,
  checkboxes: ticks,
  radio_buttons: ticks,
  ...Object.fromEntries(
    Object.keys(SOURCES).flatMap((kind) => [
      [kind, anySelect],
      [`multi_${kind}`, anySelect],
    ]),
  ),
  ...Object.fromEntries(INPUT_TYPES.map((kind) => [kind, (use) => inputElement(use, changed)])),
};
