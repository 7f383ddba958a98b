// The page: puts its parts together, and knows which conversation is open.

import { Acts } from "./acts.js";
import { avatar } from "./avatar.js";
import { Conversation, Thread } from "./conversation.js";
import { h } from "./dom.js";
import { Forms } from "./forms.js";
import { Modals } from "./modals.js";
import { Rail, Sidebar } from "./sidebar.js";
import { Connection } from "./socket.js";
import { Store } from "./store.js";
import { openSwitcher } from "./switcher.js";
import { readTimesAs } from "./times.js";
import { page, say } from "./words.js";

const LOST_FOR_MS = 400; // shorter losses are not worth a banner
const TOAST_MS = 2500;
const LAST_TAB = "app-tab";
const LAST_PERSON = "person";

class Page {
  #scheduled = false;
  #lostTimer = 0;
  #wish = null; // a message to bring into view once it is drawn

  constructor() {
    this.place = {};
    this.newSince = null;
    this.store = new Store();
    this.forms = new Forms();
    this.acts = new Acts(this);
    this.avatar = avatar;
    this.modals = new Modals(this);
    this.rail = new Rail(this);
    this.sidebar = new Sidebar(this);
    this.conversation = new Conversation(this);
    this.thread = new Thread(this);
    this.toasts = h("div", { class: "toasts", role: "status" });
    const shade = h("div", { class: "shade", onclick: () => this.closeSidebar() });
    document
      .getElementById("app")
      .append(
        this.rail.node,
        this.sidebar.node,
        shade,
        this.conversation.node,
        this.thread.node,
        this.toasts,
      );
    this.store.listen((change) => this.#told(change));
    this.socket = new Connection(
      page.user,
      (change) => this.store.apply(change),
      (status) => this.#connected(status),
    );
    addEventListener("popstate", (event) =>
      this.#visit(event.state ?? placeOfAddress(), { push: false }),
    );
    addEventListener("keydown", (event) => this.#key(event));
    addEventListener("focus", () => this.seen());
    document.addEventListener("visibilitychange", () => this.seen());
  }

  // --- what the parts ask ----------------------------------------------------------------------

  get bot() {
    return this.store.user(this.store.state.bot);
  }

  /** The conversation in the middle, if there is one. */
  currentChannel() {
    const id = this.place.app ? this.store.direct(this.store.state.bot)?.id : this.place.channel;
    return id ? this.store.channel(id) : null;
  }

  nameOf(channel) {
    if (channel.is_im) return this.store.user(channel.other)?.real_name ?? channel.other;
    return `${channel.is_private ? "🔒 " : "#"}${channel.name}`;
  }

  lastAppTab() {
    const tab = sessionStorage.getItem(LAST_TAB);
    return tab === "messages" || !this.store.state.has_home ? "messages" : "home";
  }

  /** The place in this page that an address names, or null: {channel, ts}. */
  insideLink(url) {
    const match = /^\/archives\/(\w+)(?:\/p(\d+)(\d{6}))?$/.exec(url.pathname);
    const isHere = url.origin === location.origin || url.origin === this.store.state.url;
    if (!match || !isHere || !this.store.channel(match[1])) return null;
    return { channel: match[1], ts: match[2] ? `${match[2]}.${match[3]}` : null };
  }

  // --- what the parts do -----------------------------------------------------------------------

  /** Open a place: {channel, ts, thread} or {app: "home" | "messages" | "about"}. */
  go(place) {
    this.#visit(this.#whole(place), { push: true });
  }

  async openDirect(userId) {
    if (userId === this.store.state.bot) return this.go({ app: this.lastAppTab() });
    const known = this.store.direct(userId);
    if (known) return this.go({ channel: known.id });
    const reply = await this.socket.request({ do: "open_direct", user: userId });
    return reply.ok ? this.go({ channel: reply.text }) : this.toast(reply.text ?? say("offline"));
  }

  openSwitcher() {
    if (this.store.state) openSwitcher(this);
  }

  openSidebar() {
    document.body.classList.add("sidebar-open");
    this.sidebar.node.querySelector("[aria-current], .line")?.focus();
  }

  closeSidebar() {
    document.body.classList.remove("sidebar-open");
  }

  async react(channel, ts, name) {
    const reply = await this.socket.request({ do: "react", channel, ts, name });
    if (!reply.ok) this.toast(reply.text ?? say("offline"));
  }

  touched(where, block) {
    this.modals.touched(where, block);
  }

  /** Something was sent from a composer: its list goes to the end. */
  sent(target) {
    (target.thread_ts ? this.thread : this.conversation).list.toEnd();
    this.newSince = target.thread_ts ? this.newSince : null;
    this.redraw();
  }

  /** The person may have seen the newest messages: say so if they have. */
  seen() {
    const channel = this.store.state && this.currentChannel();
    const isInSight =
      document.visibilityState === "visible" &&
      (!this.place.app || this.place.app === "messages") &&
      this.conversation.list.isAtEnd;
    if (channel?.is_member && isInSight && this.store.unread(channel).count)
      this.socket.request({ do: "read", channel: channel.id });
  }

  toast(text) {
    const node = h("div", { class: "toast" }, text);
    this.toasts.append(node);
    setTimeout(() => node.remove(), TOAST_MS);
  }

  /** Draw what has changed, soon. */
  redraw() {
    if (this.#scheduled || !this.store.state) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  // --- inside ----------------------------------------------------------------------------------

  #told(change) {
    if (change.type === "state") this.#begin();
    if (change.type === "views")
      this.forms.keepOnly("view:", new Set(change.views.map((view) => `view:${view.id}`)));
    this.redraw();
  }

  #begin() {
    readTimesAs(this.store.state);
    if (this.place.channel || this.place.app) return;
    this.#visit(this.#whole(placeOfAddress()), { push: false });
  }

  #connected(status) {
    clearTimeout(this.#lostTimer);
    const { banner } = this.conversation;
    if (status === "open") {
      banner.hidden = true;
      return;
    }
    this.#lostTimer = setTimeout(() => {
      banner.replaceChildren(
        h("span", { class: "spinner", "aria-hidden": "true" }),
        h("span", {}, say("reconnecting")),
      );
      banner.hidden = false;
    }, LOST_FOR_MS);
  }

  /** A place as it can be shown: the bot's conversation is a tab of the app, unknown ones the first channel. */
  #whole(place) {
    if (place.app) return { app: place.app, thread: place.thread ?? null, ts: place.ts ?? null };
    const channel = this.store.channel(place.channel ?? "") ?? this.#firstChannel();
    const message = place.ts ? this.store.message(channel.id, place.ts) : null;
    const thread = place.thread ?? (message?.is_reply ? message.thread_ts : null);
    if (channel.is_im && channel.other === this.store.state.bot)
      return { app: "messages", thread, ts: place.ts ?? null };
    return { channel: channel.id, thread, ts: place.ts ?? null };
  }

  #firstChannel() {
    const all = [...this.store.channels.values()];
    return (
      all.find((channel) => channel.is_member && !channel.is_im && !channel.is_archived) ??
      all[0] ?? { id: "" }
    );
  }

  #visit(place, { push }) {
    const isOther = place.channel !== this.place.channel || place.app !== this.place.app;
    this.place = place;
    this.closeSidebar();
    history[push ? "pushState" : "replaceState"](place, "", addressOf(place, this.store.state.me));
    if (isOther) this.#arrive();
    this.#wish = place.ts;
    this.redraw();
  }

  #arrive() {
    const { app } = this.place;
    if (app) sessionStorage.setItem(LAST_TAB, app);
    if (app === "home" || app === "messages") this.socket.request({ do: "open_app", tab: app });
    if (app === "home") this.conversation.home.opened();
    const channel = this.currentChannel();
    this.newSince =
      channel && this.store.unread(channel).count && channel.last_read !== "0"
        ? channel.last_read
        : null;
    if (matchMedia("(hover: hover)").matches)
      queueMicrotask(
        () => this.conversation.composer.node.hidden || this.conversation.composer.focus(),
      );
  }

  #draw() {
    this.rail.update();
    this.sidebar.update();
    this.conversation.update();
    this.thread.update();
    this.modals.update();
    document.body.dataset.ready = "yes";
    document.title = this.#title();
    if (this.#wish && this.#bringIntoView(this.#wish)) this.#wish = null;
    this.seen();
  }

  #bringIntoView(ts) {
    return this.place.thread && this.place.thread !== ts
      ? this.thread.list.highlight(ts)
      : this.conversation.list.highlight(ts);
  }

  #title() {
    const mentions = [...this.store.channels.values()].reduce(
      (sum, channel) => sum + (channel.is_member ? this.store.unread(channel).mentions : 0),
      0,
    );
    const channel = this.currentChannel();
    const name = this.place.app ? this.bot.real_name : channel ? this.nameOf(channel) : "";
    return `${mentions ? `(${mentions}) ` : ""}${name} - ${this.store.state.team.name} - Slack`;
  }

  #key(event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.openSwitcher();
    }
    // A menu over the sidebar takes its Escape for itself.
    if (event.key === "Escape" && !document.querySelector(":popover-open")) this.closeSidebar();
  }
}

function placeOfAddress() {
  const query = new URLSearchParams(location.search);
  if (query.get("tab")) return { app: query.get("tab") };
  return { channel: query.get("channel"), ts: query.get("ts"), thread: query.get("thread") };
}

function addressOf(place, user) {
  const query = new URLSearchParams({ user });
  if (place.app) query.set("tab", place.app);
  else query.set("channel", place.channel);
  if (place.thread) query.set("thread", place.thread);
  return `/?${query}`;
}

/** A link without a person in it, such as a permalink, is opened as whoever was here last. */
function personToBe() {
  const isNamed = new URLSearchParams(location.search).has("user");
  const last = localStorage.getItem(LAST_PERSON);
  if (!isNamed && last && last !== page.user) return last;
  localStorage.setItem(LAST_PERSON, page.user);
  return null;
}

const other = personToBe();
if (other === null) {
  window.sandboxPage = new Page(); // for tests and the curious
} else {
  localStorage.removeItem(LAST_PERSON); // once only: the person may be gone
  const query = new URLSearchParams(location.search);
  query.set("user", other);
  location.replace(`/?${query}`);
}
