// link.js - the way to the server and back: events in, messages out, both surviving a lost connection.
//
// Events come from one EventSource; it asks for all that is kept at load and goes on behind the last event it had
// after a break, at whatever gateway answers then. A message gets its id here, before it is first sent, and stays
// in the browser's storage until the server has stored it: sent twice, it is still one message.

const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const OUTBOX_MAX = 200;

/** 32 hex digits; crypto.randomUUID is not there on plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads and writes JSON in the browser's storage, which may be full, forbidden or somebody else's. */
export const store = {
  get(key, fallback) {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? fallback;
    } catch {
      return fallback;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // The page works without; only what is unsent would not survive a reload.
    }
  },
};

/** Events of a group. on: {message, delta, reply, usage, status}(data), state("up"|"connecting"|"offline"). */
export class Feed {
  constructor(base, on) {
    this.base = base;
    this.on = on;
    this.last = "0";
    this.tries = 0;
    addEventListener("online", () => this.open());
    addEventListener("offline", () => this.on.state("offline"));
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.on.state("connecting");
    const source = new EventSource(`${this.base}/events?last_event_id=${encodeURIComponent(this.last)}`);
    this.source = source;
    source.onopen = () => {
      this.tries = 0;
      this.on.state("up");
    };
    source.onerror = () => this.failed(source);
    for (const name of ["message", "delta", "reply", "usage", "status"]) {
      source.addEventListener(name, (event) => this.take(name, event));
    }
  }

  take(name, event) {
    this.last = event.lastEventId || this.last;
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    this.on[name](data);
  }

  failed(source) {
    this.on.state(navigator.onLine ? "connecting" : "offline");
    // A refused connection is tried again by the browser; an answer that is no stream ends the source for good.
    if (source === this.source && source.readyState === EventSource.CLOSED) {
      this.timer = setTimeout(() => this.again(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
    }
  }

  async again() {
    try {
      const answer = await fetch(`${this.base}/about`, { cache: "no-store" });
      if (answer.status === 401) {
        location.reload(); // to the door
        return;
      }
    } catch {
      // The next open() says the same.
    }
    this.open();
  }
}

/** Messages on their way out, oldest first. on: changed(item), where item.state is waiting, sent or refused. */
export class Outbox {
  constructor(base, key, on) {
    this.base = base;
    this.key = key;
    this.on = on;
    this.items = store.get(key, []).filter((item) => typeof item?.id === "string" && typeof item.text === "string");
    this.busy = false;
    this.tries = 0;
    addEventListener("online", () => this.flush());
  }

  add(from, text, mention) {
    const item = { id: newId(), from, text, mention, time: Date.now(), state: "waiting" };
    this.items.push(item);
    this.items = this.items.slice(-OUTBOX_MAX);
    this.save();
    this.on(item);
    this.flush();
    return item;
  }

  /** The server has it: by its answer, or seen in the feed. */
  done(id) {
    const item = this.items.find((one) => one.id === id);
    if (item) {
      this.items = this.items.filter((one) => one !== item);
      this.save();
      item.state = "sent";
      this.on(item);
    }
  }

  retry(id) {
    const item = this.items.find((one) => one.id === id);
    if (item) {
      item.state = "waiting";
      this.on(item);
      this.flush();
    }
  }

  save() {
    store.set(this.key, this.items);
  }

  async flush() {
    clearTimeout(this.timer);
    if (this.busy) {
      return;
    }
    this.busy = true;
    let item;
    while ((item = this.items.find((one) => one.state === "waiting"))) {
      if (!(await this.post(item))) {
        this.timer = setTimeout(() => this.flush(), RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)]);
        break;
      }
      this.tries = 0;
    }
    this.busy = false;
  }

  /** False: not now, try again later. */
  async post(item) {
    const { id, from, text, mention } = item;
    try {
      const answer = await fetch(`${this.base}/messages`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id, from, text, mention }),
      });
      if (answer.status === 202) {
        this.done(id);
        return true;
      }
      if (answer.status >= 500 || answer.status === 429 || answer.status === 408 || answer.status === 401) {
        return false;
      }
      item.why = (await answer.json().catch(() => ({}))).error ?? String(answer.status);
    } catch {
      return false;
    }
    item.state = "refused";
    this.save();
    this.on(item);
    return true;
  }
}
