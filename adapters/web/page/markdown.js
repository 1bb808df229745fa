// markdown.js - what people, models and files write -> DOM nodes.
//
// Nodes are built one by one and text only ever becomes text nodes, so nothing in a message can run or load;
// raw HTML stays visible as text. Links lead to http, https and mailto only and show where they lead.
// Every search looks a bounded way ahead and nesting is bounded: a hostile message costs no more than a long one.

const DEPTH_MAX = 6;
const AHEAD_MAX = 2000;
const SCHEMES = ["http:", "https:", "mailto:"];

/** The text as a fragment of blocks. */
export function render(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const out = document.createDocumentFragment();
  blocks(out, lines, 0);
  return out;
}

/** The text without its marks, for announcements and quotes. */
export function plain(text) {
  return render(text).textContent.replace(/\s+/g, " ").trim();
}

function make(name, className) {
  const node = document.createElement(name);
  if (className) {
    node.className = className;
  }
  return node;
}

// ---- blocks ----

const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ITEM = /^( *)([-*+•]|\d{1,9}[.)])[ \t]+(.*)$/;
const DELIMITER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

function blocks(out, lines, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (line.trim() === "") {
      at++;
    } else if (FENCE.test(line)) {
      at = fence(out, lines, at);
    } else if (HEADING.test(line)) {
      at = heading(out, lines, at, depth);
    } else if (RULE.test(line)) {
      out.append(make("hr"));
      at++;
    } else if (depth < DEPTH_MAX && QUOTE.test(line)) {
      at = quote(out, lines, at, depth);
    } else if (depth < DEPTH_MAX && ITEM.test(line)) {
      at = list(out, lines, at, depth);
    } else if (isTable(lines, at)) {
      at = table(out, lines, at);
    } else {
      at = paragraph(out, lines, at);
    }
  }
}

function fence(out, lines, at) {
  const [, mark, info] = FENCE.exec(lines[at]);
  const body = [];
  let next = at + 1;
  for (; next < lines.length; next++) {
    const end = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(lines[next]);
    if (end && end[1][0] === mark[0] && end[1].length >= mark.length) {
      break;
    }
    body.push(lines[next]);
  }
  const pre = make("pre");
  const code = make("code");
  code.textContent = body.join("\n");
  const language = info.trim().split(/\s/)[0].slice(0, 20);
  if (language) {
    const tag = make("span", "language");
    tag.textContent = language;
    pre.append(tag);
  }
  pre.tabIndex = 0;
  pre.append(code);
  out.append(pre);
  return next + 1;
}

function heading(out, lines, at) {
  const [, marks, text] = HEADING.exec(lines[at]);
  // A message stands below the page's own headings.
  const node = make("h" + Math.min(6, marks.length + 2));
  inline(node, openHeading(text), 0);
  out.append(node);
  return at + 1;
}

/** Without the marks that may close a heading: "# Menu ##". */
function openHeading(text) {
  let end = text.trimEnd().length;
  while (end > 0 && text[end - 1] === "#") {
    end--;
  }
  return end === 0 || /[ \t]/.test(text[end - 1]) ? text.slice(0, end).trimEnd() : text;
}

function quote(out, lines, at, depth) {
  const inner = [];
  for (; at < lines.length && QUOTE.test(lines[at]); at++) {
    inner.push(QUOTE.exec(lines[at])[1]);
  }
  const node = make("blockquote");
  blocks(node, inner, depth + 1);
  out.append(node);
  return at;
}

/** Items of one list: each with the more indented lines below it. */
function list(out, lines, at, depth) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(mark);
  const node = make(ordered ? "ol" : "ul");
  if (ordered && parseInt(mark, 10) !== 1) {
    node.start = parseInt(mark, 10);
  }
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[1].length !== indent.length || /\d/.test(item[2]) !== ordered || RULE.test(lines[at])) {
      break;
    }
    const inner = [item[3]];
    for (at++; at < lines.length; at++) {
      const line = lines[at];
      const deeper = /^ */.exec(line)[0].length > indent.length;
      const blankInside = line.trim() === "" && at + 1 < lines.length && /^ */.exec(lines[at + 1])[0].length > indent.length
        && lines[at + 1].trim() !== "";
      if (!deeper && !blankInside) {
        break;
      }
      inner.push(unindent(line, indent.length + item[2].length + 1));
    }
    const entry = make("li");
    blocks(entry, inner, depth + 1);
    node.append(entry);
    // A blank line between items does not end the list.
    if (at + 1 < lines.length && lines[at].trim() === "" && ITEM.test(lines[at + 1])
      && ITEM.exec(lines[at + 1])[1].length === indent.length) {
      at++;
    }
  }
  out.append(node);
  return at;
}

function unindent(line, most) {
  return line.slice(Math.min(most, /^ */.exec(line)[0].length));
}

function cells(line) {
  const trimmed = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return trimmed.split("|").slice(0, 20).map((cell) => cell.trim());
}

function isTable(lines, at) {
  return at + 1 < lines.length && lines[at].includes("|") && lines[at + 1].includes("-")
    && lines[at + 1].length < AHEAD_MAX && DELIMITER.test(lines[at + 1])
    && cells(lines[at]).length === cells(lines[at + 1]).length;
}

function table(out, lines, at) {
  const head = cells(lines[at]);
  const sides = cells(lines[at + 1]).map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : "");
  const node = make("table");
  const row = (names, kind) => {
    const tr = make("tr");
    head.forEach((_, column) => {
      const cell = make(kind, sides[column]);
      inline(cell, names[column] ?? "", 0);
      tr.append(cell);
    });
    return tr;
  };
  const top = make("thead");
  top.append(row(head, "th"));
  const body = make("tbody");
  for (at += 2; at < lines.length && lines[at].includes("|") && lines[at].trim() !== ""; at++) {
    body.append(row(cells(lines[at]), "td"));
  }
  node.append(top, body);
  const wide = make("div", "table");
  wide.tabIndex = 0;
  wide.append(node);
  out.append(wide);
  return at;
}

function paragraph(out, lines, at) {
  const node = make("p");
  for (let first = true; at < lines.length && lines[at].trim() !== ""; at++, first = false) {
    const line = lines[at];
    if (!first && (FENCE.test(line) || HEADING.test(line) || QUOTE.test(line) || ITEM.test(line) || RULE.test(line)
      || isTable(lines, at))) {
      break;
    }
    if (!first) {
      node.append(make("br"));
    }
    inline(node, line.trim(), 0);
  }
  out.append(node);
  return at;
}

// ---- inline ----

/** Where needle begins in text from `from` on, or -1; looks a bounded way ahead. */
function ahead(text, needle, from) {
  const found = text.slice(from, from + AHEAD_MAX).indexOf(needle);
  return found < 0 ? -1 : from + found;
}

/** Each try: [end, node] for what begins at text[at], or null. */
const TRIES = { "\\": escaped, "`": code, "*": emphasis, "_": emphasis, "~": strike, "[": link, "!": image, "<": angle, h: address };

function inline(out, text, depth) {
  let plainFrom = 0;
  let at = 0;
  while (at < text.length) {
    const attempt = TRIES[text[at]];
    const hit = attempt ? attempt(text, at, depth) : null;
    if (!hit) {
      at++;
      continue;
    }
    if (at > plainFrom) {
      out.append(text.slice(plainFrom, at));
    }
    out.append(hit[1]);
    at = plainFrom = hit[0];
  }
  if (plainFrom < text.length) {
    out.append(text.slice(plainFrom));
  }
}

function escaped(text, at) {
  return /[\\`*_{}[\]()#+\-.!~|>]/.test(text[at + 1] ?? "") ? [at + 2, text[at + 1]] : null;
}

function code(text, at) {
  const mark = /^`+/.exec(text.slice(at, at + 20))[0];
  const end = ahead(text, mark, at + mark.length);
  if (end < 0 || text[end + mark.length] === "`") {
    return null;
  }
  const node = make("code");
  node.textContent = text.slice(at + mark.length, end).trim();
  return [end + mark.length, node];
}

function emphasis(text, at, depth) {
  const sign = text[at];
  const double = text[at + 1] === sign;
  const mark = double ? sign + sign : sign;
  const from = at + mark.length;
  // In words an underscore is a letter: file_name_x.
  const inWord = sign === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? " ");
  if (depth >= DEPTH_MAX || inWord || !text[from] || /\s/.test(text[from])) {
    return null;
  }
  const end = ahead(text, mark, from + 1);
  if (end < 0 || /\s/.test(text[end - 1]) || (!double && text[end + 1] === sign)
    || (sign === "_" && /[\p{L}\p{N}]/u.test(text[end + mark.length] ?? " "))) {
    return null;
  }
  const node = make(double ? "strong" : "em");
  inline(node, text.slice(from, end), depth + 1);
  return [end + mark.length, node];
}

function strike(text, at, depth) {
  const end = text[at + 1] === "~" && depth < DEPTH_MAX ? ahead(text, "~~", at + 3) : -1;
  if (end < 0) {
    return null;
  }
  const node = make("s");
  inline(node, text.slice(at + 2, end), depth + 1);
  return [end + 2, node];
}

/** The URL if it may be opened, else null. */
function safe(target) {
  try {
    const url = new URL(target);
    return SCHEMES.includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function anchor(url, shown) {
  const node = make("a");
  node.href = url.href;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  node.title = url.href;
  node.append(shown);
  return node;
}

function link(text, at) {
  const middle = ahead(text, "](", at + 1);
  const end = middle < 0 ? -1 : ahead(text, ")", middle + 2);
  if (end < 0) {
    return null;
  }
  const words = text.slice(at + 1, middle);
  const url = words.includes("[") ? null : safe(withoutTitle(text.slice(middle + 2, end).trim()));
  if (!url) {
    return null;
  }
  const where = url.protocol === "mailto:" ? decoded(url.pathname) : url.host;
  const node = make("span");
  node.append(anchor(url, words || where));
  // Words may promise another place than the link leads to: only the very address stands for itself.
  const said = words.trim().replace(/^(https?:\/\/|mailto:)/i, "").replace(/\/$/, "");
  if (said !== where && said !== (url.host + url.pathname).replace(/\/$/, "")) {
    const target = make("span", "target");
    target.textContent = ` (${where})`;
    node.append(target);
  }
  return [end + 1, node];
}

/** `where "title"` -> `where`. By searches and no pattern: one with a repeat before its end tries every beginning. */
function withoutTitle(target) {
  const quote = target.endsWith('"') ? target.search(/[ \t]"/) : -1;
  return quote > 0 && quote + 2 < target.length ? target.slice(0, quote).trimEnd() : target;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Pictures from elsewhere are not loaded: they would tell their server who reads. */
function image(text, at) {
  return text[at + 1] === "[" ? link(text, at + 1) : null;
}

function angle(text, at) {
  const end = ahead(text, ">", at + 1);
  const inner = end < 0 ? "" : text.slice(at + 1, end);
  const url = /^[a-z]+:[^\s<]+$/i.test(inner) ? safe(inner) : null;
  return url ? [end + 1, anchor(url, inner)] : null;
}

function address(text, at) {
  if (/[\p{L}\p{N}]/u.test(text[at - 1] ?? " ")) {
    return null;
  }
  const found = /^https?:\/\/[\w\-.~:/?#[\]@!$&'()*+,;=%]+/i.exec(text.slice(at, at + AHEAD_MAX));
  if (!found) {
    return null;
  }
  const shown = withoutMarks(found[0]);
  const url = safe(shown);
  return url ? [at + shown.length, anchor(url, shown)] : null;
}

/** Marks at the end of an address belong to the sentence around it. */
function withoutMarks(text) {
  let end = text.length;
  while (end > 0 && ".,;:!?'\")]*_~".includes(text[end - 1])) {
    end--;
  }
  return text.slice(0, end);
}
