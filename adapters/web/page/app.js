// app.js - the work group's page: joins the feed, the talk, the line to write in and one's own name.

import { Compose } from "./compose.js";
import { Feed, Outbox, store } from "./link.js";
import { avatar, Talk } from "./talk.js";
import { render } from "./markdown.js";

const base = location.pathname.replace(/\/+$/, "");
const key = `qungong:${base}`;
const byId = (id) => document.getElementById(id);
const encoder = new TextEncoder();

let about;   // of the server: bot, title, greeting, suggestions, members, me, admin
let me = null;
let connection = "connecting";
let storeAway = false;
let ready = false; // what was kept has had its time to arrive

const talk = new Talk({ retry: (id) => outbox.retry(id) });
const outbox = new Outbox(base, `${key}:outbox`, (item) => talk.draftOwn(item));
const compose = new Compose({ send, names });

function names() {
  const others = new Set([...talk.recent(), ...about.members]);
  others.delete(me);
  return [{ name: about.title, bot: true }, ...[...others].map((name) => ({ name, bot: false }))];
}

function isMention(text) {
  return text.startsWith("/") || text.includes(`@${about.title}`) || text.includes(`@${about.bot}`);
}

function send(text) {
  if (!me) {
    askName(() => send(text));
    return;
  }
  outbox.add(me, cut(text), isMention(text));
  showWelcome();
}

/** As much of the text as the server takes. */
function cut(text) {
  const bytes = encoder.encode(text);
  if (bytes.length <= about.text_max) {
    return text;
  }
  return new TextDecoder().decode(bytes.slice(0, about.text_max - 3)).replace(/\uFFFD+$/, "");
}

// ---- what stands around the talk ----

const STATES = {
  up: "已连接",
  connecting: "正在连接…",
  offline: "离线，消息会在恢复后发出",
  away: "消息库暂时不可用，恢复后自动补上",
};

function showState() {
  const state = connection === "up" && storeAway ? "away" : connection;
  byId("state").dataset.state = state;
  byId("state-text").textContent = STATES[state];
}

function showWelcome() {
  byId("welcome").hidden = !ready || !talk.isEmpty();
}

function fillWelcome() {
  avatar(byId("welcome-avatar"), about.title, true);
  byId("welcome-title").textContent = about.title;
  byId("greeting").replaceChildren(render(about.greeting || "有什么可以帮忙的？"));
  byId("suggestions").replaceChildren(...about.suggestions.map((text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => send(`@${about.title} ${text}`));
    return button;
  }));
}

function showMe() {
  byId("me").hidden = !me;
  if (me) {
    byId("me-name").textContent = me;
    byId("me-avatar").className = "avatar small";
    avatar(byId("me-avatar"), me, false);
    byId("me").setAttribute("aria-label", `我：${me}`);
  }
  talk.setMe(me);
}

// ---- one's name ----

function setName(name) {
  me = name;
  if (!about.me) {
    store.set(`${key}:name`, name);
  }
  showMe();
}

function askName(then) {
  const dialog = byId("name-dialog");
  const input = byId("name-input");
  const fixed = about.me !== null && !about.admin;
  byId("name-list").replaceChildren(...about.members.map((name) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  }));
  byId("name-title").textContent = fixed ? `你好，${me}` : "大家怎么称呼你？";
  byId("name-hint").hidden = fixed;
  input.hidden = fixed;
  byId("logout").hidden = about.me === null;
  byId("name-ok").textContent = me ? "好的" : "进入群聊";
  byId("name-error").textContent = "";
  input.value = me ?? "";
  byId("name-form").onsubmit = (event) => {
    const name = input.value.trim();
    const bad = fixed ? "" : nameProblem(name);
    byId("name-error").textContent = bad;
    if (bad) {
      event.preventDefault();
    } else {
      if (!fixed) {
        setName(name);
      }
      then?.();
    }
  };
  dialog.showModal();
}

function nameProblem(name) {
  if (name === "") {
    return "请写一个名字。";
  }
  if ([...name].length > 40 || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)) {
    return "名字最多 40 个字，不能有特殊符号。";
  }
  return name === about.title || name === about.bot ? "这是机器人的名字，换一个吧。" : "";
}

async function logout() {
  await fetch(`${base}/logout`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }).catch(() => {});
  location.reload();
}

// ---- start ----

/** What was kept has arrived: an empty talk is empty, and what is still unsent is not in the feed. */
function settled() {
  talk.announcing = true;
  ready = true;
  showWelcome();
  outbox.flush();
}

function listen() {
  const shown = (handle) => (data) => {
    handle(data);
    showWelcome();
  };
  return new Feed(base, {
    message: shown((data) => {
      talk.message(data);
      outbox.done(data.id);
    }),
    delta: shown((data) => talk.delta(data)),
    reply: shown((data) => talk.reply(data)),
    usage: (data) => talk.usage(data),
    status: (data) => {
      storeAway = data.store === "away";
      showState();
    },
    state: (state) => {
      connection = state;
      if (state !== "up") {
        storeAway = false;
      }
      showState();
      if (state === "up") {
        setTimeout(settled, 300);
      }
    },
  });
}

async function load() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const answer = await fetch(`${base}/about`, { cache: "no-store" });
      if (answer.status === 401) {
        location.reload();
        return null;
      }
      if (answer.ok) {
        return await answer.json();
      }
    } catch {
      // Not reachable: shown as connecting.
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

about = await load();
if (about) {
  document.title = `${about.title} · 工作群`;
  byId("title").textContent = about.title;
  byId("at").title = `提到 ${about.title}`;
  byId("text").placeholder = `说点什么，@${about.title} 会回答`;
  avatar(byId("bot-avatar"), about.title, true);
  talk.setBot(about);
  fillWelcome();
  me = about.me ?? store.get(`${key}:name`, null);
  showMe();
  byId("me").addEventListener("click", () => askName());
  byId("logout").addEventListener("click", logout);
  outbox.items.forEach((item) => talk.draftOwn(item));
  listen();
  if (!me) {
    askName();
  }
}
