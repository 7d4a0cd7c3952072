// SPDX-License-Identifier: Apache-2.0
// The tasks of an area, page by page; wishes about one, some or all that match.

import { get, url } from "./api.js";
import { chip, fill, h, nothing, table } from "./dom.js";
import { counted, day, instant, links, many, short, STATUSES } from "./format.js";
import { following } from "./live.js";
import { may } from "./session.js";
import { WISHES, wishOfAll, wishOfTasks } from "./wish.js";

const LIMIT = 50;

/** The tab. */
export async function show(root, area, query, signal) {
  const filters = { status: query.get("status") ?? "", kind: query.get("kind") ?? "", cause: query.get("cause") ?? "", text: query.get("text") ?? "" };
  const after = query.getAll("after");
  const { failures } = await get("/words", { signal });
  const chosen = new Map();
  const list = h("div", { class: "card" });
  const acts = h("div", { class: "acts" });
  let page = { tasks: [], total: 0, next: null };

  const go = (changes, trail = []) => {
    const found = new URLSearchParams(Object.entries({ ...filters, ...changes }).filter(([, value]) => value));
    trail.forEach((one) => found.append("after", one));
    location.hash = `${links.area(area, "tasks")}?${found}`;
  };
  const select = (name, label, options) => {
    const made = h("select", { data: { keep: name }, onchange: () => go({ [name]: made.value }) }, h("option", { value: "" }, "any"), options.map(([value, words]) => h("option", { value }, words)));
    made.value = filters[name];
    return h("label", {}, label, made);
  };
  const text = h("input", { type: "search", value: filters.text, placeholder: "in id or message", data: { keep: "text" }, onchange: () => go({ text: text.value }) });

  const drawActs = () => {
    const some = [...chosen.values()];
    const words = Object.entries(WISHES).filter(([, wish]) => (some.length ? some.some((t) => wish.from.includes(t.status)) : !filters.status || wish.from.includes(filters.status)));
    fill(
      acts,
      h("span", { class: "soft", role: "status" }, some.length ? counted(some.length, "task chosen", "tasks chosen") : `all ${many(page.total)} that match`),
      words.map(([word, wish]) =>
        h("button", { class: wish.danger ? "may-operate bad-act" : "may-operate", data: { keep: word }, onclick: () => (some.length ? wishOfTasks(some.filter((t) => wish.from.includes(t.status)), word) : wishOfAll(area, word, bulk(filters))) }, wish.act),
      ),
    );
  };
  const refresh = async () => {
    page = await get(url(["areas", area, "tasks"], { ...filters, limit: LIMIT, after: after.at(-1) ?? "" }), { signal });
    for (const task of page.tasks) if (chosen.has(task.id)) chosen.set(task.id, task);
    draw();
  };
  const draw = () => {
    drawActs();
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
    ),
    list,
  );
  await following(signal, refresh);
}

const bulk = (filters) => Object.fromEntries(Object.entries(filters).filter(([, value]) => value));

function row(task, chosen, changed) {
  const box = h("input", { type: "checkbox", "aria-label": `Choose ${task.id}`, data: { keep: task.id }, onchange: () => (box.checked ? chosen.set(task.id, task) : chosen.delete(task.id), changed()) });
  box.checked = chosen.has(task.id);
  const why = task.failure ? `${task.failure}: ${task.message}` : task.message;
  return [
    ...(may("operate") ? [box] : []),
    ["small wide", h("a", { href: links.task(task.id) }, short(task.id))],
    chip(task.status),
    ["day", day(task.acquired_at)],
    ["number", task.attempt || ""],
    ["soft day", task.worker],
    ["soft day", instant(task.ended_at)],
    ["", h("div", { class: "clip soft", title: why }, why)],
  ];
}
