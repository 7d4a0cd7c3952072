// SPDX-License-Identifier: Apache-2.0
// One area: how it stands, what can be done with it, and its pictures behind tabs.

import { bar, pace, sum } from "./areas.js";
import { get, url } from "./api.js";
import { chip, fill, h, problem } from "./dom.js";
import { instant, links, many, rate, STATUSES } from "./format.js";
import { following } from "./live.js";
import { limitArea, wishOfArea } from "./wish.js";

const TABS = {
  tasks: ["Tasks", () => import("./tasks.js")],
  map: ["Map", () => import("./map.js")],
  chains: ["Chains", () => import("./chains.js")],
  time: ["Time machine", () => import("./time.js")],
  storage: ["Storage", () => import("./storage.js")],
};

/** What shows a tab. */
export const load = (tab = "tasks") => (TABS[tab] ?? TABS.tasks)[1]();

/** The area of that name. */
export async function show(root, [name, tab = "tasks"], query, signal) {
  document.title = `${name} · Ingester`;
  const head = h("div");
  const body = h("div");
  const tabs = h(
    "nav",
    { class: "tabs", "aria-label": "Parts of the area" },
    Object.entries(TABS).map(([key, [title]]) => h("a", { href: links.area(name, key), "aria-current": key === tab ? "page" : null }, title)),
  );
  // Its room is there at once: what comes below it does not jump.
  fill(head, h("div", { class: "head" }, h("h1", {}, name)));
  fill(root, head, tabs, body);
  // On a phone the later ones are beyond the edge.
  tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  const draw = tab === "tasks" ? drawWhole : drawTitle;
  const broken = new AbortController();
  const both = AbortSignal.any([signal, broken.signal]);
  try {
    await Promise.all([
      following(both, async () => draw(head, await get(url(["areas", name]), { signal: both }))),
      showTab(body, tab, name, query, both),
    ]);
  } catch (error) {
    // There is no such area: nobody looks at its tab either.
    broken.abort();
    throw error;
  }
}

async function showTab(body, tab, name, query, signal) {
  const view = await load(tab);
  signal.throwIfAborted();
  try {
    await view.show(body, name, query, signal);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    fill(body, problem(error));
  }
}

/** The title, what can be done, and how far it is in a line: pictures need the room. */
function drawTitle(head, area, more = slim(area)) {
  const running = ["running", "needs-attention", "paused", "new"].includes(area.status);
  fill(
    head,
    h(
      "div",
      { class: "head" },
      h("h1", {}, area.name),
      chip(area.status, true),
      h(
        "div",
        { class: "acts" },
        area.state === "paused"
          ? act("Resume", "resume", area, "may-operate")
          : running && area.state === "active" && act("Pause", "pause", area, "may-operate"),
        running && h("button", { class: "may-operate", onclick: () => limitArea(area), data: { keep: "limit" } }, "Limits"),
        area.state && area.state !== "cancelled" && act("Cancel area", "cancel", area, "may-administer bad-act"),
        area.state && h("a", { class: "button may-operate", href: `#/new?${new URLSearchParams({ from: area.name })}` }, "Ask again"),
      ),
    ),
    more,
  );
}

function slim(area) {
  const counts = sum(area);
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  return h("div", { class: "slim" }, bar(counts), h("span", { class: "small soft" }, `${many(counts.done + counts.failed)} of ${many(total)} ended, ${rate(area.progress.tasks_per_s)}`));
}

function drawWhole(head, area) {
  drawTitle(head, area, [
    h(
      "div",
      { class: "card" },
      h("div", { class: "columns" }, ["downloads", "processes"].map((kind) => tally(area, kind)), h("div", { class: "small" }, h("h2", {}, "Pace"), facts(area))),
    ),
    area.failures.length > 0 && h("div", { class: "card" }, h("h2", {}, "Failures by cause"), area.failures.map((cause) => causeLine(area, cause))),
    area.refusals.map((refusal) => h("div", { class: "problem" }, h("b", {}, `Request refused ${instant(refusal.at)}: `), refusal.problems.join("\n"))),
  ]);
}

function act(words, wish, area, kind) {
  return h("button", { class: kind, onclick: () => wishOfArea(area, wish), data: { keep: wish } }, words);
}

function tally(area, kind) {
  const counts = area[kind];
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  const word = kind === "downloads" ? "DOWNLOAD" : "PROCESS";
  return h(
    "div",
    {},
    h("h2", {}, kind === "downloads" ? "Downloads" : "Processing", h("span", { class: "soft" }, ` ${many(total)}`)),
    bar(counts),
    h(
      "div",
      { class: "counts small" },
      STATUSES.filter((status) => counts[status]).map((status) => h("a", { href: links.area(area.name, "tasks", { status, kind: word }) }, chip(status), " ", h("b", {}, many(counts[status])))),
    ),
  );
}

function facts(area) {
  const p = area.progress;
  const limits = area.limits ?? {};
  const oldest = area.oldest_pending;
  return h(
    "div",
    {},
    h("div", {}, `${Math.floor(p.percentage)} % ended, ${rate(p.tasks_per_s)}`),
    h("div", { class: "soft" }, pace(area)),
    (limits.downloads > 0 || limits.processes > 0) && h("div", { class: "soft" }, `at once: ${limits.downloads || "any"} downloads, ${limits.processes || "any"} processes; priority ${limits.priority}`),
    oldest && h("div", { class: "soft" }, "longest busy: ", h("a", { href: links.task(oldest.id) }, oldest.id.slice(area.name.length + 1)), oldest.worker ? ` at ${oldest.worker}` : ""),
  );
}

function causeLine(area, cause) {
  const filter = { status: cause.status, cause: cause.failure, kind: cause.kind };
  return h(
    "div",
    { class: "small wide" },
    h("a", { href: links.area(area.name, "tasks", filter) }, `${many(cause.tasks)} × ${cause.failure}`),
    " ",
    chip(cause.status),
    ` ${cause.kind.toLowerCase()} `,
    h("span", { class: "soft" }, cause.example.slice(0, 240)),
  );
}
