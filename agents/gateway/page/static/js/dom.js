// SPDX-License-Identifier: Apache-2.0
// Elements from values. Text is always text: nothing here ever parses markup.

/** An element; `props` are attributes, `on…` listeners, `class` and `data`. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  add(made, children);
  return made;
}

function add(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) parent.append(child);
  }
}

/** Put these in the place of all that an element holds. */
export function fill(parent, ...children) {
  const kept = document.activeElement;
  const name = parent.contains(kept) ? kept.dataset?.keep : null;
  parent.replaceChildren();
  add(parent, children);
  if (name) {
    for (const one of parent.querySelectorAll("[data-keep]")) {
      if (one.dataset.keep === name) one.focus({ preventScroll: true });
    }
  }
}

/** A table; rows are lists of cells, a cell is a node, a text, or `[class, content]`. */
export function table(heads, rows, props = {}) {
  const cell = (tag, content) => {
    const [kind, inner] = Array.isArray(content) ? content : ["", content];
    return h(tag, { class: kind || null, scope: tag === "th" ? "col" : null }, inner ?? "");
  };
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": props.label ?? "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, heads.map((head) => cell("th", head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((content) => cell("td", content))))),
    ),
  );
}

/** A status as a word with its colour and shape. */
export function chip(status, big = false) {
  const known = /^[a-z-]+$/.test(status) ? status : "new";
  return h("span", { class: `chip ${known}${big ? " big" : ""}` }, status.replaceAll("-", " "));
}

/** A part that says nothing is there. */
export function nothing(...words) {
  return h("p", { class: "empty" }, words);
}

/** A part that says that what some requests asked for is not known here. */
export function unknownOutline(requests) {
  return h("p", { class: "note" }, `What ${requests === 1 ? "a request" : `${requests} requests`} of this area asked for is not in the read model: an older version wrote it. It is in the log: `, h("code", {}, "ingester rebuild projector"), " brings it back, while everything goes on.");
}

/** A short word in the corner. */
export function toast(words, bad = false) {
  const made = h("div", { class: bad ? "toast bad" : "toast" }, words);
  document.getElementById("toasts").append(made);
  setTimeout(() => made.remove(), bad ? 12000 : 5000);
}

/** What is wrong, as a box. */
export function problem(error) {
  return h("div", { class: "problem", role: "alert" }, String(error.message ?? error));
}
