// Ctrl+K: jump to a conversation, or find a message.

import { freshId, h, icon } from "./dom.js";
import { show } from "./dialogs.js";
import { flat } from "./mrkdwn.js";
import { authorOf } from "./message.js";
import { dateOfTs, dayAndClock } from "./times.js";
import { say } from "./words.js";

const MOST = 20;

export function openSwitcher(ctx) {
  if (document.querySelector("dialog.switcher")) return;
  const listId = freshId();
  const input = h("input", {
    type: "text",
    class: "switcher-input",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": listId,
    "aria-autocomplete": "list",
    "aria-label": say("search"),
    placeholder: say("search_placeholder", { team: ctx.store.state.team.name }),
    autocomplete: "off",
    spellcheck: "false",
  });
  const list = h("div", {
    id: listId,
    class: "options",
    role: "listbox",
    "aria-label": say("search"),
  });
  const dialog = h(
    "dialog",
    { class: "dialog switcher", "aria-label": say("search") },
    h("div", { class: "switcher-head" }, icon("search", 18), input),
    list,
  );
  let found = [];
  let active = 0;
  const choose = (at) => {
    dialog.close();
    found[at]?.act();
  };
  const paint = () => {
    const rows = found.map((entry, at) =>
      h(
        "div",
        {
          id: `${listId}-${at}`,
          class: at === active ? "option active" : "option",
          role: "option",
          "aria-selected": String(at === active),
          onclick: () => choose(at),
        },
        entry.mark,
        h(
          "span",
          { class: "option-text" },
          h("span", {}, entry.name),
          entry.more ? h("span", { class: "option-description" }, entry.more) : null,
        ),
      ),
    );
    list.replaceChildren(
      ...(rows.length ? rows : [h("div", { class: "no-options" }, say("no_results"))]),
    );
    input.setAttribute("aria-activedescendant", `${listId}-${active}`);
    rows[active]?.scrollIntoView({ block: "nearest" });
  };
  const search = () => {
    const wanted = input.value.trim().toLocaleLowerCase();
    found = [...places(ctx), ...(wanted.length > 1 ? messages(ctx) : [])]
      .filter((entry) => `${entry.name} ${entry.also ?? ""}`.toLocaleLowerCase().includes(wanted))
      .slice(0, MOST);
    active = 0;
    paint();
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || !(step || event.key === "Enter") || !found.length) return;
    event.preventDefault();
    if (!step) return choose(active);
    active = (active + step + found.length) % found.length;
    return paint();
  });
  show(dialog, input);
  search();
}

function places(ctx) {
  const { store } = ctx;
  const rooms = [...store.channels.values()]
    .filter((channel) => !channel.is_im)
    .map((channel) => ({
      name: channel.name,
      more: channel.is_archived ? say("archived") : channel.topic,
      mark: icon(channel.is_archived ? "archive" : channel.is_private ? "lock" : "hash", 18),
      act: () => ctx.go({ channel: channel.id }),
    }));
  const people = store.state.people.map((id) => ({
    name: store.user(id).real_name,
    also: store.user(id).name,
    more: store.user(id).title,
    mark: ctx.avatar(store.user(id), 20),
    act: () => ctx.openDirect(id),
  }));
  return [
    ...rooms,
    {
      name: ctx.bot.real_name,
      more: store.state.about,
      mark: ctx.avatar(ctx.bot, 20),
      act: () => ctx.go({ app: ctx.lastAppTab() }),
    },
    ...people,
  ];
}

function messages(ctx) {
  const { store } = ctx;
  return [...store.channels.values()]
    .flatMap((channel) => store.main(channel.id).map((message) => ({ channel, message })))
    .filter(({ message }) => message.text)
    .sort((a, b) => Number(b.message.ts) - Number(a.message.ts))
    .map(({ channel, message }) => {
      const author = authorOf(message, ctx);
      const when = dateOfTs(message.ts);
      const room = channel.is_im ? say("direct_messages") : `#${channel.name}`;
      return {
        name: flat(message.text.slice(0, 300), ctx),
        more: `${author.real_name} · ${room} · ${dayAndClock(when, say)}`,
        mark: ctx.avatar(author, 20),
        act: () => ctx.go({ channel: channel.id, ts: message.ts, thread: null }),
      };
    });
}
