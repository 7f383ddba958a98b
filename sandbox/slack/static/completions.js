// What the composer offers while the person types: commands of the app, and emoji.

import { h } from "./dom.js";
import { PICKABLE } from "./emoji.js";
import { say } from "./words.js";

const MOST_EMOJI = 8;

/** [{text, from, heading, node}]: what may replace the text from `from` to the cursor. */
export function completionsFor(text, cursor, ctx) {
  if (cursor === null) return [];
  const before = text.slice(0, cursor);
  if (/^\/\S*$/.test(before)) return commands(before, ctx);
  const code = /(?:^|\s):([a-z0-9_+-]{2,})$/.exec(before);
  return code ? emoji(code[1], cursor) : [];
}

function commands(before, ctx) {
  return (ctx.store.state?.commands ?? [])
    .filter((command) => command.name.startsWith(before))
    .map((command) => ({
      text: `${command.name} `,
      from: 0,
      heading: ctx.bot.real_name,
      node: () => [
        ctx.avatar(ctx.bot, 24),
        h(
          "span",
          { class: "completion-text" },
          h(
            "span",
            {},
            h("strong", {}, command.name),
            " ",
            h("span", { class: "completion-hint" }, command.hint),
          ),
          h("span", { class: "completion-description" }, command.description),
        ),
      ],
    }));
}

function emoji(part, cursor) {
  return PICKABLE.filter(([name]) => name.includes(part))
    .sort(([a], [b]) => a.indexOf(part) - b.indexOf(part))
    .slice(0, MOST_EMOJI)
    .map(([name, char]) => ({
      text: `:${name}: `,
      from: cursor - part.length - 1,
      heading: say("emoji_matching", { part: `:${part}` }),
      node: () => [h("span", { class: "emoji" }, char), h("span", {}, `:${name}:`)],
    }));
}
