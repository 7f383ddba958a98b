// What the page knows of the workspace, as told over the socket.

export class Store {
  #listeners = [];

  /** All of it; null until the first answer. */
  state = null;

  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Take one change and tell the listeners. */
  apply(change) {
    if (change.type === "state") this.#takeAll(change);
    else if (change.type === "message") this.#takeMessage(change.channel, change.message);
    else if (change.type === "message_gone") this.#messages(change.channel).delete(change.ts);
    else if (change.type === "channel") this.#takeChannel(change.channel);
    else if (change.type === "views") this.state.views = change.views;
    else if (change.type === "home") this.state.home = change.view;
    for (const listener of this.#listeners) listener(change);
  }

  get me() {
    return this.state.users[this.state.me];
  }

  user(id) {
    return this.state.users[id] ?? null;
  }

  channel(id) {
    return this.channels.get(id) ?? null;
  }

  /** The direct conversation with somebody, if there is one. */
  direct(userId) {
    return (
      [...this.channels.values()].find((entry) => entry.is_im && entry.other === userId) ?? null
    );
  }

  /** The messages in the flow of a conversation, oldest first. */
  main(channelId) {
    return this.#sorted(channelId).filter((message) => !message.is_reply);
  }

  message(channelId, ts) {
    return this.#messages(channelId).get(ts) ?? null;
  }

  /** The replies to a message, those that only this person sees too. */
  replies(channelId, ts) {
    return this.#sorted(channelId).filter(
      (message) => message.is_reply && message.thread_ts === ts,
    );
  }

  /** Replies that everybody sees, per thread: {ts: [message …]}. */
  threads(channelId) {
    const threads = new Map();
    for (const message of this.#sorted(channelId)) {
      if (!message.is_reply || message.is_ephemeral) continue;
      if (!threads.has(message.thread_ts)) threads.set(message.thread_ts, []);
      threads.get(message.thread_ts).push(message);
    }
    return threads;
  }

  /** {count, mentions}: what has come since the person last looked. */
  unread(channel) {
    const me = this.state.me;
    let count = 0;
    let mentions = 0;
    for (const message of this.#messages(channel.id).values()) {
      if (
        message.is_ephemeral ||
        message.is_reply ||
        message.user === me ||
        !isLater(message.ts, channel.last_read)
      )
        continue;
      count += 1;
      if (channel.is_im || isToMe(message, me)) mentions += 1;
    }
    return { count, mentions };
  }

  #takeAll(state) {
    this.state = state;
    this.channels = new Map(state.channels.map((channel) => [channel.id, channel]));
    this.shelves = new Map(
      Object.entries(state.messages).map(([id, list]) => [
        id,
        new Map(list.map((entry) => [entry.ts, entry])),
      ]),
    );
  }

  #takeMessage(channelId, message) {
    this.#messages(channelId).set(message.ts, message);
  }

  #takeChannel(channel) {
    this.channels.set(channel.id, channel);
  }

  #messages(channelId) {
    if (!this.shelves.has(channelId)) this.shelves.set(channelId, new Map());
    return this.shelves.get(channelId);
  }

  #sorted(channelId) {
    return [...this.#messages(channelId).values()].sort((a, b) => compareTs(a.ts, b.ts));
  }
}

/** Slack's ts are "seconds.microseconds" of equal length from 2001 to 2286; "0" comes before all. */
export function compareTs(a, b) {
  if (a === b) return 0;
  return isLater(a, b) ? 1 : -1;
}

export function isLater(a, b) {
  return a.length === b.length ? a > b : a.length > b.length;
}

function isToMe(message, me) {
  const written = message.text + (message.blocks ? JSON.stringify(message.blocks) : "");
  return (
    written.includes(`<@${me}>`) ||
    written.includes(`<@${me}|`) ||
    /<!(channel|here|everyone)>/.test(written)
  );
}
