// Fields to type in: texts, numbers, dates and times.

import { h } from "./dom.js";
import { plainText } from "./mrkdwn.js";
import { secondsOfWall, wallOfSeconds } from "./times.js";
import { say } from "./words.js";

const NATIVE = {
  email_text_input: { type: "email", autocomplete: "email" },
  url_text_input: { type: "url", placeholder: "https://" },
  datepicker: { type: "date" },
  timepicker: { type: "time" },
  datetimepicker: { type: "datetime-local" },
};

export const INPUT_TYPES = ["plain_text_input", "number_input", ...Object.keys(NATIVE)];

/** A field; `changed(use, reading)` is called when it holds something new. */
export function inputElement(use, changed) {
  const { element, ctx, where, block, label = {}, invalid, focusKey, pending } = use;
  const isLong = element.type === "plain_text_input" && element.multiline;
  const held = ctx.forms.get(where, block, element);
  const placeholder = element.placeholder ? words(element.placeholder.text, ctx) : null;
  const props = {
    class: `field ${element.type}`,
    placeholder,
    "aria-labelledby": label.labelledBy,
    "aria-describedby": label.describedBy,
    "aria-label": label.labelledBy ? null : (placeholder ?? say("value")),
    "aria-invalid": invalid ? "true" : null,
    "aria-required": block.type === "input" && !block.optional ? "true" : null,
    dataset: { focus: focusKey, autofocus: element.focus_on_load ? "yes" : "" },
    spellcheck: "false",
    disabled: pending && !use.isInput,
    ...kindProps(element),
  };
  const field = isLong ? h("textarea", { ...props, rows: 4 }) : h("input", props);
  field.value = element.type === "datetimepicker" && held ? wallOfSeconds(held) : (held ?? "");
  listen(field, use, changed);
  return element.type === "plain_text_input" && (element.max_length || element.min_length)
    ? counted(field, element)
    : field;
}

const words = (text, ctx) => h("span", {}, plainText(text, ctx)).textContent;

function kindProps(element) {
  if (element.type === "plain_text_input")
    return element.multiline ? {} : { type: "text", autocomplete: "off" };
  if (element.type === "number_input") {
    return {
      type: "number",
      inputmode: element.is_decimal_allowed ? "decimal" : "numeric",
      step: element.is_decimal_allowed ? "any" : 1,
      min: element.min_value,
      max: element.max_value,
    };
  }
  return NATIVE[element.type];
}

function listen(field, use, changed) {
  const { element, ctx, where, block } = use;
  const isTyped = element.type.endsWith("_input");
  const note = () => {
    ctx.forms.set(where, block, element, readingOf(field, element));
    ctx.touched?.(where, block);
  };
  field.addEventListener("input", note);
  if (!isTyped) {
    field.addEventListener("change", () => changed(use, readingOf(field, element)));
    return;
  }
  if (!block.dispatch_action) return;
  const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  if (triggers.includes("on_enter_pressed")) {
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      changed(use, readingOf(field, element));
    });
  }
  if (triggers.includes("on_character_entered")) {
    let timer = 0;
    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => changed(use, readingOf(field, element)), 400);
    });
  }
}

function readingOf(field, element) {
  if (element.type === "datetimepicker") return field.value ? secondsOfWall(field.value) : null;
  return field.value;
}

/** A text field with how many characters are left. */
function counted(field, element) {
  const count = h("span", { class: "field-count", "aria-hidden": "true" });
  const show = () => {
    const length = field.value.length;
    count.textContent = element.max_length ? String(element.max_length - length) : "";
    count.classList.toggle("over", Boolean(element.max_length) && length > element.max_length);
  };
  field.addEventListener("input", show);
  show();
  return h("div", { class: "counted" }, field, count);
}
