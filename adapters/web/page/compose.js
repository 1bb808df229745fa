// compose.js - the line people write in: growing text, mentions by "@", sending by Enter.

const COARSE = matchMedia("(pointer: coarse)");

/** on: {send(text), names() -> [{name, bot}]}. */
export class Compose {
  constructor(on) {
    this.on = on;
    this.form = document.getElementById("compose");
    this.text = document.getElementById("text");
    this.button = document.getElementById("send");
    this.list = document.getElementById("mentions");
    this.choice = 0;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("input", () => this.changed());
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    document.getElementById("at").addEventListener("click", () => this.startMention());
  }

  /** Puts text into the line, as if typed. */
  insert(text) {
    const { selectionStart: from, selectionEnd: to } = this.text;
    this.text.setRangeText(text, from, to, "end");
    this.text.focus();
    this.changed();
  }

  submit() {
    const text = this.text.value.trim();
    if (text) {
      this.text.value = "";
      this.changed();
      this.on.send(text);
    }
    this.text.focus();
  }

  changed() {
    this.button.disabled = this.text.value.trim() === "";
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 180)}px`;
    this.suggest();
  }

  key(event) {
    if (event.isComposing || event.keyCode === 229) {
      return; // Enter chooses a word of the input method
    }
    if (!this.list.hidden && this.listKey(event)) {
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey && !COARSE.matches) {
      event.preventDefault();
      this.submit();
    }
  }

  // ---- mentions ----

  startMention() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    this.insert(before === "" || /\s$/.test(before) ? "@" : " @");
  }

  /** The word behind the last "@" before the cursor; null without one. */
  word() {
    const before = this.text.value.slice(0, this.text.selectionStart);
    const found = /(?:^|[^A-Za-z0-9._])@([^\s@]{0,40})$/u.exec(before);
    return found ? found[1] : null;
  }

  suggest() {
    const word = this.word();
    const names = word === null ? [] : this.on.names().filter(({ name }) =>
      name.toLowerCase().startsWith(word.toLowerCase()) && name !== word).slice(0, 6);
    if (names.length === 0) {
      this.close();
      return;
    }
    this.choice = 0;
    this.list.replaceChildren(...names.map((entry, index) => this.option(entry, index)));
    this.list.hidden = false;
    this.mark();
  }

  option({ name, bot }, index) {
    const node = document.createElement("li");
    node.role = "option";
    node.id = `mention-${index}`;
    node.dataset.name = name;
    node.append(name);
    if (bot) {
      const tag = document.createElement("span");
      tag.className = "tag";
      tag.textContent = "AI";
      node.append(tag);
    }
    node.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // keeps the cursor in the text
      this.choose(index);
    });
    return node;
  }

  listKey(event) {
    const count = this.list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.choice = (this.choice + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.mark();
    } else if (event.key === "Enter" || event.key === "Tab") {
      this.choose(this.choice);
    } else if (event.key === "Escape") {
      this.close();
    } else {
      return false;
    }
    return true;
  }

  mark() {
    [...this.list.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === this.choice)));
    this.text.setAttribute("aria-activedescendant", `mention-${this.choice}`);
  }

  choose(index) {
    const { name } = this.list.children[index].dataset;
    const to = this.text.selectionStart;
    this.text.setRangeText(`${name} `, to - this.word().length, to, "end");
    this.close();
    this.changed();
  }

  close() {
    this.list.hidden = true;
    this.text.removeAttribute("aria-activedescendant");
  }
}
