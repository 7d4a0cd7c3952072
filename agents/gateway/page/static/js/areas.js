// SPDX-License-Identifier: Apache-2.0
// Every area: those that need somebody first.

import { answer, get, url } from "./api.js";
import { chip, fill, h, nothing } from "./dom.js";
import { between, counted, instant, lasting, links, many, rate } from "./format.js";
import { following } from "./live.js";
import { cancelAreas } from "./wish.js";

const ORDER = ["needs-attention", "refused", "failed", "running", "paused", "new", "done-with-failures", "done", "cancelled"];

// Rates and causes are asked for areas that move or need somebody: so many at a time.
const DETAILED = 12;

// The gateway gives so many at once; so many are shown, those that need somebody first.
const MOST = 1000;

/** The list. */
export async function show(root, _parts, query, signal) {
  document.title = "Areas · Ingester";
  const search = h("input", { type: "search", value: query.get("pattern") ?? "", placeholder: "All", "data-keep": "search" });
  const states = h("select", {}, h("option", { value: "" }, "any state"), ORDER.map((s) => h("option", { value: s }, s.replaceAll("-", " "))));
  const list = h("ul", { class: "areas" });
  const total = h("span", { class: "soft", role: "status" });
  const details = new Map();
  // One that has ended is asked for once more: how it ended.
  const moves = ({ name, status }) => !["done", "cancelled"].includes(status) || (details.has(name) && details.get(name).status !== status);
  let areas = [];

  const draw = () => {
    const found = areas.filter((area) => !states.value || area.status === states.value);
    found.sort((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.name.localeCompare(b.name));
    const wanted = found.slice(0, MOST);
    total.textContent = found.length > MOST ? `the first ${many(MOST)} of ${counted(found.length, "area")}: search to see others` : counted(found.length, "area");
    fill(list, wanted.map((area) => card(area, details.get(area.name))));
    if (!wanted.length) fill(list, h("li", {}, nothing("No area here. ", h("a", { href: "#/new", class: "may-operate" }, "Ask for one"))));
    return wanted;
  };
  const refused = h("div");
  const refresh = async () => {
    const word = search.value.trim();
    const pattern = word && !/[*?]/.test(word) ? `*${word}*` : word;
    const [refusals, found] = await Promise.all([get("/refusals", { signal }), everyArea(pattern, signal)]);
    fill(refused, refusals.length > 0 && h("details", { class: "card gap", open: refusals.length < 4 }, h("summary", {}, `${counted(refusals.length, "request")} refused, with nothing ingested since`), refusals.map((one) => h("p", { class: "small wide" }, h("a", { href: links.area(one.area) }, one.area), ` ${instant(one.at)}: `, one.problems.join("; ")))));
    areas = found;
    const first = draw().slice(0, DETAILED);
    const names = new Set(first.map((area) => area.name));
    // What is not asked for again would be shown as if it were of now.
    for (const name of details.keys()) if (!names.has(name)) details.delete(name);
    await Promise.all(first.filter(moves).map(async (area) => details.set(area.name, await get(url(["areas", area.name]), { signal }))));
    draw();
  };
  let typing = null;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(refresh, 200);
  });
  states.addEventListener("change", draw);
  fill(
    root,
    h("div", { class: "head" }, h("h1", {}, "Areas"), total, h("div", { class: "acts" }, h("a", { class: "button main-act may-operate", href: "#/new" }, "New area"))),
    h("div", { class: "filters" }, h("label", {}, "Name", search), h("label", {}, "State", states), h("button", { type: "button", class: "may-administer bad-act", onclick: () => cancelAreas(draw().filter((area) => area.status !== "cancelled")) }, "Cancel those listed…")),
    list,
    refused,
  );
  await following(signal, refresh);
}

/** Areas of such a name, page after page. */
async function everyArea(pattern, signal) {
  const found = [];
  for (let all = 1; found.length < all; ) {
    const { body, headers } = await answer(url(["areas"], { pattern, limit: MOST, after: found.at(-1)?.name }), { signal });
    found.push(...body);
    all = body.length ? Number(headers.get("x-total-count")) : 0;
  }
  return found;
}

function card(area, more) {
  const all = sum(area);
  const ended = all.done + all.failed;
  const total = Object.values(all).reduce((a, b) => a + b, 0);
  return h(
    "li",
    { class: `area ${/^[a-z-]+$/.test(area.status) ? area.status : ""}` },
    h("div", {}, h("a", { class: "name", href: links.area(area.name), data: { keep: area.name } }, area.name), h("div", {}, chip(area.status))),
    h(
      "div",
      {},
      bar(all),
      h("div", { class: "small soft" }, `${many(ended)} of ${counted(total, "task")} ended`, all.retry ? `, ${many(all.retry)} wait for you` : "", all.failed ? `, ${many(all.failed)} failed` : ""),
    ),
    h("div", { class: "small soft" }, more ? pace(more) : ""),
    more && causes(more),
  );
}

/** Tasks of both kinds. */
export function sum(area) {
  const found = {};
  for (const name of Object.keys(area.downloads)) found[name] = area.downloads[name] + area.processes[name];
  return found;
}

/** How far it is, as a bar. */
export function bar(counts) {
  const total = Object.values(counts).reduce((a, b) => a + b, 0) || 1;
  const part = (name) => {
    const made = h("i", { class: name });
    made.style.width = `${(100 * counts[name]) / total}%`;
    return made;
  };
  const done = Math.floor((100 * (counts.done + counts.failed)) / total);
  return h("div", { class: "bar", role: "img", "aria-label": `${done} % ended` }, ["done", "failed", "retry", "pending"].map(part));
}

/** Rate and remaining time in words. */
export function pace(area) {
  const p = area.progress;
  if (area.status === "running" || area.status === "needs-attention") {
    const left = p.estimated_end_at ? between(new Date(), p.estimated_end_at) : null;
    return [`${rate(p.tasks_per_s)}, ${counted(p.running, "attempt")} running`, h("br"), left === null ? "end not known" : `about ${lasting(Math.max(left, 0))} left`];
  }
  return p.last_ended_at ? `last ended ${instant(p.last_ended_at)}` : "";
}

function causes(area) {
  const said = [
    ...area.refusals.slice(0, 1).map((one) => h("div", {}, h("b", {}, "Request refused: "), one.problems.join("; "))),
    ...area.failures.slice(0, 3).map((cause) =>
      h(
        "div",
        {},
        h("a", { href: links.area(area.name, "tasks", { status: cause.status, cause: cause.failure }) }, `${many(cause.tasks)} × ${cause.failure}`),
        ` ${cause.kind.toLowerCase()} ${cause.status}: `,
        h("span", { class: "soft" }, cause.example.slice(0, 160)),
      ),
    ),
  ];
  return said.length ? h("div", { class: "why" }, said) : null;
}
