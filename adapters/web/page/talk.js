// talk.js - the talk as people see it: who said what, answers as they grow, and what became of each message.

import { plain, render } from "./markdown.js";

const GAP_MS = 5 * 60 * 1000; // a line with the time stands between messages further apart
const TYPING_MS = 60 * 1000;  // as long the bot is believed to be at it
const NEAR_PX = 80;

const byId = (id) => document.getElementById(id);

function make(name, className, text) {
  const node = document.createElement(name);
  if (className) {
    node.className = className;
  }
  if (text !== undefined) {
    node.textContent = text;
  }
  return node;
}

/** The last sign of a Chinese name tells people apart, the first of a Latin one. */
function initial(name) {
  const signs = [...name.trim()];
  return (/\p{Script=Han}/u.test(name) ? signs.at(-1) : signs[0] ?? "?").toUpperCase();
}

export function avatar(node, name, isBot) {
  let sum = 0;
  for (const sign of name) {
    sum = (sum * 31 + sign.codePointAt(0)) % 9973;
  }
  node.textContent = isBot ? [...name][0] : initial(name);
  node.classList.add(isBot ? "bot" : `tone-${sum % 6}`);
  return node;
}

function clock(time) {
  return new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false }).format(time);
}

function day(time) {
  const date = new Date(time);
  if (date.toDateString() === new Date().toDateString()) {
    return "";
  }
  if (date.toDateString() === new Date(Date.now() - 86400000).toDateString()) {
    return "昨天 ";
  }
  return `${date.getMonth() + 1}月${date.getDate()}日 `;
}

const milliseconds = (value) => (value < 10 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value)));

/** As the footnotes of other platforms: two digits that say something, from 2 to 6 behind the point. */
export function amountText(amount) {
  let digits = 2;
  for (let unit = 0.1; amount < unit && digits < 6; unit /= 10) {
    digits += 1;
  }
  return Math.max(amount, 10 ** -digits).toFixed(digits); // something is never shown as nothing
}

function money(cost) {
  const signs = { CNY: "¥", USD: "$" };
  return Object.entries(cost ?? {}).filter(([, amount]) => amount > 0).map(([currency, amount]) =>
    `${signs[currency] ?? `${currency} `}${amountText(amount)}`);
}

/** 已存 0.8 ms · 首字 42 ms · deepseek-flash · 2,897 tokens · ¥0.0031; no model where none was asked. */
function usageLine(usage) {
  const words = [];
  if (typeof usage.stored_ms === "number") {
    words.push(`已存 ${milliseconds(usage.stored_ms)} ms`);
  }
  if (typeof usage.first_ms === "number") {
    words.push(`首字 ${milliseconds(usage.first_ms)} ms`);
  }
  if (usage.model && usage.model !== "offline") {
    words.push(usage.model);
  }
  words.push(`${((usage.input ?? 0) + (usage.output ?? 0)).toLocaleString("en")} tokens`, ...money(usage.cost));
  return words.join(" · ");
}

/** on: {retry(id)}. */
export class Talk {
  constructor(on) {
    this.on = on;
    this.bot = { title: "", bot: "" };
    this.me = null;
    this.messages = new Map(); // id -> {node, from, text, badge, answered}
    this.replies = new Map();  // id -> {node, sequence, final}
    this.pending = new Map();  // id of a message the bot owes an answer -> timer
    this.early = new Map();    // id of an answered message not seen yet
    this.names = new Map();    // who spoke -> when
    this.lastTime = 0;
    this.list = byId("messages");
    this.scroller = byId("talk");
    this.scroller.addEventListener("scroll", () => this.nearEnd() && (byId("down").hidden = true), { passive: true });
    byId("down").addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.stick && this.toEnd()).observe(this.list);
    this.stick = true;
    this.scroller.addEventListener("scroll", () => (this.stick = this.nearEnd()), { passive: true });
  }

  setBot(bot) {
    this.bot = bot;
    avatar(byId("typing-avatar"), bot.title, true);
  }

  /** Who reads: own messages stand at the right. Called again when the name changes. */
  setMe(name) {
    this.me = name;
    for (const entry of this.messages.values()) {
      this.dress(entry);
    }
  }

  isEmpty() {
    return this.messages.size + this.replies.size === 0;
  }

  recent() {
    return [...this.names].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  }

  // ---- messages ----

  /** A message of the feed; one's own may stand there already, unsent. */
  message({ id, from, text, time, mention }) {
    let entry = this.messages.get(id);
    if (entry && entry.state === "sent") {
      return;
    }
    if (entry) {
      entry.node.remove(); // where the feed has it, not where it was typed
    }
    entry = this.place(id, from, text, time);
    this.names.set(from, time);
    this.setState(id, "sent");
    if (mention && !entry.answered) {
      this.expect(id, time);
    }
    this.announce(from, text, from !== this.me);
  }

  /** One's own, not confirmed yet. */
  draftOwn({ id, from, text, time, state, why }) {
    if (!this.messages.has(id)) {
      this.place(id, from, text, time);
      this.toEnd();
    }
    this.setState(id, state, why);
  }

  place(id, from, text, time) {
    this.timeLine(time);
    const node = make("li", "row");
    const side = make("span", "avatar");
    side.setAttribute("aria-hidden", "true");
    const body = make("div", "body");
    const head = make("div", "head");
    head.append(make("span", "name", from));
    const bubble = make("div", "bubble");
    bubble.append(render(text));
    this.markMentions(bubble);
    const badge = make("div", "badge");
    body.append(head, bubble, badge);
    node.append(avatar(side, from, false), body);
    const entry = { id, node, from, text, badge, state: "waiting", answered: this.early.delete(id) };
    this.messages.set(id, entry);
    this.dress(entry);
    this.append(node);
    return entry;
  }

  dress(entry) {
    entry.node.classList.toggle("own", entry.from === this.me);
    this.showBadge(entry);
  }

  /** Colours "@name" of the bot in the text. */
  markMentions(node) {
    const names = [`@${this.bot.title}`, `@${this.bot.bot}`].filter((name) => name.length > 1);
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) {
      texts.push(walker.currentNode);
    }
    for (const text of texts) {
      const name = names.find((one) => text.data.includes(one));
      if (name && !text.parentElement.closest("code, a")) {
        const rest = text.splitText(text.data.indexOf(name));
        rest.splitText(name.length);
        rest.replaceWith(make("span", "mention", name));
      }
    }
  }

  setState(id, state, why) {
    const entry = this.messages.get(id);
    if (entry && (entry.state !== "sent" || state === "sent")) {
      entry.state = state;
      entry.why = why;
      this.showBadge(entry);
    }
  }

  showBadge(entry) {
    const { badge, state } = entry;
    badge.className = "badge";
    if (entry.from !== this.me && state === "sent") {
      badge.replaceChildren();
    } else if (state === "refused") {
      const again = make("button", "again", "重发");
      again.type = "button";
      again.addEventListener("click", () => this.on.retry(entry.id));
      badge.classList.add("bad");
      badge.replaceChildren(`没发出去：${entry.why ?? ""} `, again);
    } else if (state === "waiting") {
      badge.replaceChildren("发送中…");
    } else {
      badge.classList.toggle("done", entry.answered);
      badge.replaceChildren(entry.answered ? "✓✓ 答复" : "✓ 收到");
    }
  }

  // ---- answers ----

  delta({ reply, answers, sequence, text }) {
    const entry = this.replies.get(reply) ?? this.placeReply(reply, answers);
    if (entry.final || sequence <= entry.sequence) {
      return;
    }
    entry.sequence = sequence;
    this.dropDrafts(entry, answers);
    this.settle(answers);
    this.fillReply(entry, text);
  }

  reply({ id, answers, text, label, sources, part, time }) {
    const key = part ? `${id}.${part}` : id;
    const entry = this.replies.get(key) ?? this.placeReply(key, answers, time);
    entry.final = true;
    this.dropDrafts(entry, answers);
    entry.node.classList.remove("growing");
    this.fillReply(entry, text);
    entry.label.hidden = !label;
    entry.label.textContent = label ?? "";
    entry.sources.replaceChildren(...this.sourceNodes(sources));
    this.settle(answers);
    for (const answered of answers ?? []) {
      this.markAnswered(answered);
    }
    this.announce(this.bot.title, text, true);
  }

  // A turn that was tried again with other messages has another answer: what it had begun to say goes.
  dropDrafts(kept, answers) {
    for (const [id, entry] of this.replies) {
      if (entry !== kept && !entry.final && entry.answers.some((answered) => answers?.includes(answered))) {
        entry.node.remove();
        this.replies.delete(id);
      }
    }
  }

  usage(usage) {
    const entry = this.replies.get(usage.reply);
    if (entry) {
      entry.usage.textContent = usageLine(usage);
      entry.usage.title = usage.model ? `模型：${usage.model}` : "";
    }
  }

  placeReply(id, answers, time) {
    this.timeLine(time ?? Date.now());
    const node = make("li", "row answer growing");
    const side = make("span", "avatar");
    side.setAttribute("aria-hidden", "true");
    const body = make("div", "body");
    const head = make("div", "head");
    head.append(make("span", "name", this.bot.title), make("span", "tag", "AI"));
    const asked = this.messages.get(answers?.at(-1));
    if (asked) {
      head.append(make("span", "to", `答 ${asked.from}`));
    }
    const bubble = make("div", "bubble");
    const text = make("div", "text");
    const sources = make("div", "sources");
    bubble.append(text, sources);
    const foot = make("div", "foot");
    const label = make("span", "label");
    const usage = make("span", "usage");
    label.hidden = true;
    foot.append(label, usage);
    body.append(head, bubble, foot);
    node.append(avatar(side, this.bot.title, true), body);
    const entry = { node, text, sources, label, usage, sequence: -1, final: false, answers: answers ?? [] };
    this.replies.set(id, entry);
    this.append(node);
    return entry;
  }

  fillReply(entry, text) {
    entry.text.replaceChildren(render(text));
  }

  sourceNodes(sources) {
    return (Array.isArray(sources) ? sources : []).map(({ title, section }) =>
      make("span", "source", section && section !== title ? `${title} › ${section}` : title));
  }

  markAnswered(id) {
    const entry = this.messages.get(id);
    if (entry) {
      entry.answered = true;
      this.showBadge(entry);
    } else {
      this.early.set(id, true);
    }
  }

  // ---- the bot at work ----

  expect(id, time) {
    const left = time + TYPING_MS - Date.now();
    if (left > 0 && !this.pending.has(id)) {
      this.pending.set(id, setTimeout(() => this.settle([id]), Math.min(left, TYPING_MS)));
      this.showTyping();
    }
  }

  settle(ids) {
    for (const id of ids ?? []) {
      clearTimeout(this.pending.get(id));
      this.pending.delete(id);
    }
    this.showTyping();
  }

  showTyping() {
    byId("typing").hidden = this.pending.size === 0;
    if (this.stick) {
      this.toEnd();
    }
  }

  // ---- the list ----

  timeLine(time) {
    if (time - this.lastTime > GAP_MS) {
      this.list.append(make("li", "time", day(time) + clock(time)));
    }
    this.lastTime = Math.max(this.lastTime, time);
  }

  append(node) {
    const follow = this.stick;
    this.list.append(node);
    if (follow) {
      this.toEnd();
    } else {
      byId("down").hidden = false;
    }
  }

  nearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.stick = true;
    byId("down").hidden = true;
  }

  /** Reads out what is new, not what is replayed at load. */
  announce(name, text, wanted) {
    if (this.announcing && wanted) {
      byId("live").textContent = `${name}：${plain(text).slice(0, 300)}`;
    }
  }
}
