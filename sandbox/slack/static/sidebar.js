// The list of conversations, and choosing who one is.

import { avatar } from "./avatar.js";
import { h, icon, iconButton, keepFocus } from "./dom.js";
import { openMenu } from "./popover.js";
import { say } from "./words.js";

export class Sidebar {
  #signature = "";
  #closed = new Set();

  constructor(ctx) {
    this.ctx = ctx;
    this.body = h("div", { class: "sidebar-body" });
    this.team = h("span", { class: "team-name" });
    this.node = h(
      "nav",
      { class: "sidebar", "aria-label": say("conversations") },
      h(
        "header",
        { class: "sidebar-head" },
        this.team,
        iconButton("search", say("search"), () => ctx.openSwitcher(), {
          class: "icon-button on-dark",
        }),
      ),
      this.body,
    );
  }

  update() {
    const { ctx } = this;
    const { state } = ctx.store;
    this.team.textContent = state.team.name;
    const sections = [
      [say("channels"), rooms(ctx).map((channel) => roomLine(channel, ctx))],
      [say("direct_messages"), others(ctx).map((user) => personLine(user, ctx))],
      [say("apps"), [appLine(ctx)]],
    ];
    const signature = JSON.stringify([sections, [...this.#closed]]);
    if (signature === this.#signature) return;
    this.#signature = signature;
    const refocus = keepFocus(this.body);
    this.body.replaceChildren(...sections.map(([title, lines]) => this.#section(title, lines)));
    refocus();
  }

  #section(title, lines) {
    const isClosed = this.#closed.has(title);
    const toggle = () => {
      if (!this.#closed.delete(title)) this.#closed.add(title);
      this.update();
    };
    const shown = isClosed ? lines.filter((line) => line.isCurrent || line.isUnread) : lines;
    return h(
      "section",
      { class: "sidebar-section" },
      h(
        "button",
        {
          type: "button",
          class: "section-title",
          "aria-expanded": String(!isClosed),
          dataset: { focus: `section ${title}` },
          onclick: toggle,
        },
        icon("caret", 14),
        h("span", {}, title),
      ),
      h(
        "ul",
        { "aria-label": title },
        shown.map((line) => h("li", {}, this.#line(line))),
      ),
    );
  }

  #line(line) {
    const { ctx } = this;
    const user = line.user && ctx.store.user(line.user);
    const mark = user ? avatar(user, 20) : icon(line.icon, 16);
    return h(
      "button",
      {
        type: "button",
        class: `line${line.isUnread ? " unread" : ""}`,
        "aria-current": line.isCurrent ? "page" : null,
        dataset: { focus: `line ${line.id}` },
        onclick: () => (line.place.person ? ctx.openDirect(line.place.person) : ctx.go(line.place)),
      },
      mark,
      h(
        "span",
        { class: "line-name" },
        line.name,
        line.isMe ? h("span", { class: "line-you" }, ` ${say("you")}`) : null,
      ),
      line.isApp ? h("span", { class: "line-app" }, say("app_badge")) : null,
      line.mentions
        ? h(
            "span",
            { class: "count", "aria-label": say("unread_count", { count: line.mentions }) },
            String(line.mentions),
          )
        : null,
      line.isUnread && !line.mentions
        ? h("span", { class: "visually-hidden" }, say("unread"))
        : null,
    );
  }
}

const rooms = (ctx) =>
  [...ctx.store.channels.values()]
    .filter(
      (channel) =>
        !channel.is_im && (isCurrent(ctx, channel) || (channel.is_member && !channel.is_archived)),
    )
    .sort((a, b) => a.name.localeCompare(b.name));

function others(ctx) {
  const { me, people } = ctx.store.state;
  return [me, ...people.filter((id) => id !== me)].map((id) => ctx.store.user(id));
}

const isCurrent = (ctx, channel) => ctx.place.channel === channel?.id;

function roomLine(channel, ctx) {
  const { count, mentions } = ctx.store.unread(channel);
  const shape = channel.is_archived ? "archive" : channel.is_private ? "lock" : "hash";
  return {
    id: channel.id,
    name: channel.name,
    icon: shape,
    place: { channel: channel.id },
    isCurrent: isCurrent(ctx, channel),
    isUnread: count > 0 && channel.is_member,
    mentions: channel.is_member ? mentions : 0,
  };
}

function personLine(user, ctx) {
  const channel = ctx.store.direct(user.id);
  const mentions = channel ? ctx.store.unread(channel).mentions : 0;
  return {
    id: user.id,
    name: user.real_name,
    user: user.id,
    place: { person: user.id },
    isCurrent: Boolean(channel) && isCurrent(ctx, channel),
    isUnread: mentions > 0,
    mentions,
    isMe: user.id === ctx.store.state.me,
  };
}

function appLine(ctx) {
  const channel = ctx.store.direct(ctx.bot.id);
  const mentions = channel ? ctx.store.unread(channel).mentions : 0;
  return {
    id: ctx.bot.id,
    name: ctx.bot.real_name,
    user: ctx.bot.id,
    place: { app: mentions ? "messages" : ctx.lastAppTab() },
    isCurrent: Boolean(ctx.place.app),
    isUnread: mentions > 0,
    mentions,
    isApp: true,
  };
}

/** The strip at the very left: the workspace, and below it the person, whom one can change. */
export class Rail {
  constructor(ctx) {
    this.ctx = ctx;
    this.team = h("span", { class: "team-tile", "aria-hidden": "true" });
    this.face = h("button", {
      type: "button",
      class: "me-button",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      dataset: { focus: "me" },
      onclick: () => this.#choose(),
    });
    this.node = h(
      "div",
      { class: "rail" },
      this.team,
      h(
        "button",
        { type: "button", class: "rail-item", onclick: () => ctx.openSidebar() },
        h("span", { class: "rail-icon" }, icon("home", 20)),
        h("span", {}, say("home")),
      ),
      h(
        "button",
        { type: "button", class: "rail-item", onclick: () => ctx.openSwitcher() },
        h("span", { class: "rail-icon" }, icon("search", 20)),
        h("span", {}, say("search_short")),
      ),
      h("span", { class: "grow" }),
      this.face,
    );
  }

  update() {
    const { store } = this.ctx;
    this.team.textContent = store.state.team.name
      .split(/\s+/)
      .map((word) => word[0])
      .join("")
      .slice(0, 2);
    this.face.replaceChildren(avatar(store.me, 36));
    this.face.setAttribute("aria-label", say("switch_person", { name: store.me.real_name }));
    this.face.title = store.me.real_name;
  }

  #choose() {
    const { store } = this.ctx;
    const { me, people } = store.state;
    const entries = people.map((id) => {
      const user = store.user(id);
      const role = [
        user.title,
        user.locale.startsWith("ko") ? "한국어" : "English",
        user.tz.replace(/_/g, " "),
      ]
        .filter(Boolean)
        .join(" · ");
      return {
        href: hrefAs(id),
        isCurrent: id === me,
        node: [
          avatar(user, 36),
          h(
            "span",
            { class: "person-text" },
            h(
              "span",
              { class: "person-name" },
              user.real_name,
              id === me ? h("span", { class: "line-you" }, ` ${say("you")}`) : null,
            ),
            h("span", { class: "person-role" }, role),
          ),
          id === me ? icon("check", 18) : null,
        ],
      };
    });
    openMenu(this.face, entries, say("view_as"));
    document
      .querySelector(".popover .menu")
      ?.prepend(h("div", { class: "menu-title", role: "presentation" }, say("view_as")));
  }
}

/** The same place as another person; what they may not see opens their first channel instead. */
function hrefAs(id) {
  const query = new URLSearchParams(location.search);
  query.set("user", id);
  query.delete("ts");
  query.delete("thread");
  return `/?${query}`;
}
