// The WebSocket of this tab: reconnects by itself, and pairs each request with its reply.

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5000;

export class Connection {
  #socket = null;
  #waiting = new Map();
  #serial = 0;
  #delay = FIRST_DELAY_MS;
  #timer = 0;

  /** onmessage: each change; onstatus: "open" or "lost". */
  constructor(user, onmessage, onstatus) {
    this.onmessage = onmessage;
    this.onstatus = onstatus;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.url = `${scheme}://${location.host}/page/socket?user=${encodeURIComponent(user)}`;
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#retryNow());
    this.#open();
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** What came of something the visitor did: {ok, error, text, errors, is_shown}. Never rejects. */
  request(body) {
    if (!this.isOpen)
      return Promise.resolve({ ok: false, error: "offline", text: null, errors: {} });
    const id = (this.#serial += 1);
    this.#socket.send(JSON.stringify({ ...body, id }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Drop the connection, as a bad network does. */
  cut() {
    this.#socket.close();
  }

  #open() {
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#delay = FIRST_DELAY_MS;
    };
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = () => this.#lost();
  }

  #take(message) {
    if (message.type === "state") this.onstatus("open");
    if (message.type !== "reply") return this.onmessage(message);
    this.#waiting.get(message.id)?.(message);
    this.#waiting.delete(message.id);
  }

  #lost() {
    for (const resolve of this.#waiting.values()) {
      resolve({ ok: false, error: "offline", text: null, errors: {} });
    }
    this.#waiting.clear();
    this.onstatus("lost");
    this.#timer = setTimeout(() => this.#open(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }

  #retryNow() {
    if (this.#socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.#timer);
    this.#open();
  }
}
