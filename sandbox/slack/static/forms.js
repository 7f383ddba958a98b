// What the person has typed and picked, per message or view; the server hears of it with the next act.

const LISTS = new Set(["checkboxes", "multi_static_select", "multi_external_select"]);
const SINGLES = new Set(["static_select", "external_select", "radio_buttons"]);
const PICKED = {
  users_select: "user",
  channels_select: "channel",
  conversations_select: "conversation",
  multi_users_select: "users",
  multi_channels_select: "channels",
  multi_conversations_select: "conversations",
  datepicker: "date",
  timepicker: "time",
  datetimepicker: "date_time",
};

export class Forms {
  #forms = new Map();

  /** All readings of a message or view: {block_id: {action_id: reading}}. */
  all(where) {
    return this.#forms.get(where.key) ?? {};
  }

  /** What an element holds now: what was put in, what the server knows of it, or its initial value. */
  get(where, block, element) {
    const own = this.all(where)[block.block_id];
    if (own && element.action_id in own && isStillThere(element, own[element.action_id]))
      return own[element.action_id];
    if (own) delete own[element.action_id];
    const known = where.values?.[block.block_id]?.[element.action_id];
    return known && known.type === element.type ? readingOf(known) : initialOf(element);
  }

  set(where, block, element, reading) {
    const form = this.#forms.get(where.key) ?? {};
    form[block.block_id] = { ...form[block.block_id], [element.action_id]: reading };
    this.#forms.set(where.key, form);
  }

  /** Forget all of views that are gone. */
  keepOnly(prefix, keys) {
    for (const key of this.#forms.keys())
      if (key.startsWith(prefix) && !keys.has(key)) this.#forms.delete(key);
  }
}

export function optionsOf(element) {
  const groups = element.option_groups ?? [];
  return [...(element.options ?? []), ...groups.flatMap((group) => group.options)];
}

function isStillThere(element, reading) {
  if (SINGLES.has(element.type))
    return reading === null || optionsOf(element).some((option) => option.value === reading);
  if (LISTS.has(element.type))
    return reading.every((value) => optionsOf(element).some((option) => option.value === value));
  return true;
}

function readingOf(value) {
  if (LISTS.has(value.type)) return value.selected_options.map((option) => option.value);
  if (SINGLES.has(value.type)) return value.selected_option?.value ?? null;
  if (value.type in PICKED) return value[`selected_${PICKED[value.type]}`] ?? null;
  return value.value ?? "";
}

function initialOf(element) {
  if (LISTS.has(element.type)) return (element.initial_options ?? []).map((option) => option.value);
  if (SINGLES.has(element.type)) return element.initial_option?.value ?? null;
  if (element.type in PICKED)
    return (
      element[`initial_${PICKED[element.type]}`] ?? (element.type.startsWith("multi_") ? [] : null)
    );
  return element.initial_value === undefined ? "" : String(element.initial_value);
}
