// SPDX-License-Identifier: Apache-2.0
// The tasks of an area, page by page; wishes about one, some or all that match.

import { get, url } from "./api.js";
import { chip, fill, h, nothing, table } from "./dom.js";
import { counted, day, instant, links, many, short, STATUSES } from "./format.js";
import { following } from "./live.js";
import { may, words } from "./session.js";
import { When } from "./when.js";
import { WISHES, wishOfAll, wishOfTasks } from "./wish.js";

const LIMIT = 50;

/** The tab. */
export async function show(root, area, query, signal) {
  const filters = { status: query.get("status") ?? "", kind: query.get("kind") ?? "", cause: query.get("cause") ?? "", text: query.get("text") ?? "" };
  const after = query.getAll("after");
  const load = () => get(url(["areas", area, "tasks"], { ...filters, limit: LIMIT, after: after.at(-1) ?? "" }), { signal });
  let [{ failures }, early] = await Promise.all([words(), load()]);
  const chosen = new Map();
  const list = h("div", { class: "card" });
  const acts = h("div", { class: "acts" });
  const at = query.get("at");
  let page = { tasks: [], total: 0, next: null };
  let past = null;

  const go = (changes, trail = []) => {
    const found = new URLSearchParams(Object.entries({ ...filters, at: past ? String(past.place) : "", ...changes }).filter(([, value]) => value));
    trail.forEach((one) => found.append("after", one));
    location.hash = `${links.area(area, "tasks")}?${found}`;
  };
  const select = (name, label, options) => {
    const made = h("select", { data: { keep: name }, onchange: () => go({ [name]: made.value }) }, h("option", { value: "" }, "any"), options.map(([value, words]) => h("option", { value }, words)));
    made.value = filters[name];
    return h("label", {}, label, made);
  };
  const text = h("input", { type: "search", value: filters.text, placeholder: "id, message", data: { keep: "text" }, onchange: () => go({ text: text.value }) });

  const drawActs = () => {
    if (past) return fill(acts);
    const some = [...chosen.values()];
    const wishes = Object.entries(WISHES).filter(([, wish]) => (some.length ? some.some((t) => wish.from.includes(t.status)) : !filters.status || wish.from.includes(filters.status)));
    fill(
      acts,
      h("span", { class: "soft", role: "status" }, some.length ? counted(some.length, "task chosen", "tasks chosen") : `all ${many(page.total)} that match`),
      wishes.map(([word, wish]) =>
        h("button", { class: wish.danger ? "may-operate bad-act" : "may-operate", data: { keep: word }, onclick: () => (some.length ? wishOfTasks(some.filter((t) => wish.from.includes(t.status)), word) : wishOfAll(area, word, bulk(filters))) }, wish.act),
      ),
    );
  };
  const refresh = async () => {
    if (past) return;
    page = early ?? (await load());
    early = null;
    for (const task of page.tasks) if (chosen.has(task.id)) chosen.set(task.id, task);
    draw();
  };
  const draw = () => {
    drawActs();
    if (past) return drawPast(list, past, filters);
    const all = h("input", { type: "checkbox", "aria-label": "Choose all on this page", data: { keep: "all" }, onchange: () => (page.tasks.forEach((t) => (all.checked ? chosen.set(t.id, t) : chosen.delete(t.id))), draw()) });
    all.checked = page.tasks.length > 0 && page.tasks.every((t) => chosen.has(t.id));
    const heads = [...(may("operate") ? [all] : []), "Task", "Status", "Acquired", ["number", "Attempt"], "Worker", "Ended", "Why"];
    fill(
      list,
      page.tasks.length ? table(heads, page.tasks.map((task) => row(task, chosen, drawActs)), { label: "Tasks" }) : nothing("No task like that."),
      h(
        "div",
        { class: "acts" },
        after.length > 0 && h("button", { data: { keep: "back" }, onclick: () => go({}, after.slice(0, -1)) }, "← Previous"),
        h("span", { class: "soft small" }, page.total ? `${many(after.length * LIMIT + 1)}–${many(after.length * LIMIT + page.tasks.length)} of ${many(page.total)}` : ""),
        page.next && page.tasks.length < page.total && h("button", { data: { keep: "next" }, onclick: () => go({}, [...after, page.next]) }, "Next →"),
      ),
    );
  };
  const when = new When(
    area,
    signal,
    (instant) => {
      past = instant;
      draw();
      if (!past) refresh();
    },
    { open: at !== null, place: at === null ? null : Number(at) },
  );
  fill(
    root,
    h(
      "div",
      { class: "filters" },
      select("status", "Status", STATUSES.map((s) => [s, s])),
      select("kind", "Kind", [["DOWNLOAD", "download"], ["PROCESS", "process"]]),
      select("cause", "Cause", Object.entries(failures).map(([word, meaning]) => [word, `${word}: ${meaning}`])),
      h("label", {}, "Text", text),
      acts,
      h("div", { class: "acts" }, when.button),
    ),
    when.element,
    list,
  );
  await following(signal, refresh);
}

/** Tasks as they stood then, and what the log said of them. */
function drawPast(list, past, filters, skip = 0) {
  const text = filters.text.toLowerCase();
  const kindOf = (id) => (id.split("/").length > 2 ? "PROCESS" : "DOWNLOAD");
  const found = past.tasks.filter(
    ([id, status, , , , failure]) =>
      (!filters.status || status === filters.status) && (!filters.kind || kindOf(id) === filters.kind) && (!filters.cause || failure === filters.cause) && (!text || id.toLowerCase().includes(text)),
  );
  const shown = found.slice(skip, skip + LIMIT);
  const turn = (to, words) => h("button", { type: "button", data: { keep: words }, onclick: () => drawPast(list, past, filters, to) }, words);
  fill(
    list,
    shown.length
      ? table(
          ["Task", "Status then", ["number", "Attempt"], "Previous", "Why"],
          shown.map(([id, status, attempt, previous, , failure]) => [["small wide task", h("a", { href: links.task(id) }, short(id))], chip(status), ["number", attempt || ""], ["small wide", previous && h("a", { href: links.task(previous) }, short(previous))], ["soft", failure]]),
          { label: "Tasks then" },
        )
      : nothing("No task like that then."),
    h(
      "div",
      { class: "acts" },
      skip > 0 && turn(skip - LIMIT, "← Previous"),
      h("span", { class: "soft small" }, found.length ? `${many(skip + 1)}–${many(skip + shown.length)} of ${many(found.length)} after ${counted(past.place, "fact")}` : ""),
      skip + LIMIT < found.length && turn(skip + LIMIT, "Next →"),
    ),
  );
}

const bulk = (filters) => Object.fromEntries(Object.entries(filters).filter(([, value]) => value));

function row(task, chosen, changed) {
  const box = h("input", { type: "checkbox", "aria-label": `Choose ${task.id}`, data: { keep: task.id }, onchange: () => (box.checked ? chosen.set(task.id, task) : chosen.delete(task.id), changed()) });
  box.checked = chosen.has(task.id);
  const why = task.failure ? `${task.failure}: ${task.message}` : task.message;
  return [
    ...(may("operate") ? [box] : []),
    ["small wide task", h("a", { href: links.task(task.id) }, short(task.id))],
    chip(task.status),
    ["day", day(task.acquired_at)],
    ["number", task.attempt || ""],
    ["soft day", task.worker],
    ["soft day", instant(task.ended_at)],
    ["", h("div", { class: "clip soft", title: why }, why)],
  ];
}
