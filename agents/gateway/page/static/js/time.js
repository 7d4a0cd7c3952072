// SPDX-License-Identifier: Apache-2.0
// The time machine: an area at any place of its log, and what changed between two.

import { bar, sum } from "./areas.js";
import { patiently, url } from "./api.js";
import { chip, fill, h, nothing, table } from "./dom.js";
import { Facts } from "./facts.js";
import { counted, instant, links, many, short, STATUSES } from "./format.js";
import { words } from "./session.js";
import { When } from "./when.js";

/** The tab. */
export async function show(root, area, _query, signal) {
  const state = h("div");
  const compared = h("div");
  const facts = new Facts(area, signal);
  let now = null;
  let since = null;
  const when = new When(
    area,
    signal,
    (found) => {
      now = found;
      drawState();
      facts.show(found.place + 1);
      if (since) compare();
    },
    { open: true, tasks: false },
  );
  let turn = 0;
  const remember = () => {
    since = since ? null : now;
    turn += 1;
    fill(compared);
    drawState();
  };
  const drawState = () => {
    if (!now) return;
    const counts = sum(now);
    fill(
      state,
      h(
        "div",
        { class: "head" },
        h("h2", {}, now.at ? instant(now.at) : "Before the first fact"),
        chip(now.status),
        h("div", { class: "acts" }, h("button", { type: "button", class: since ? "" : "main-act", data: { keep: "compare" }, onclick: remember }, since ? "Stop comparing" : "Compare from here")),
      ),
      bar(counts),
      h("div", { class: "counts" }, STATUSES.filter((status) => counts[status]).map((status) => h("span", {}, chip(status), ` ${many(counts[status])}`))),
      since && h("p", { class: "note" }, `Comparing from ${since.at ? instant(since.at) : "the beginning"} (${counted(since.place, "fact")}). Move the line to the other instant.`),
      h("p", { class: "small soft" }, "The tabs Tasks, Map and Chains go back in time too."),
    );
  };
  const compare = async () => {
    const [from, to] = [since.place, now.place].sort((a, b) => a - b);
    turn += 1;
    const ours = turn;
    const found = await patiently(url(["areas", area, "history", "changes"], { since: from, until: to, limit: 200 }), () => {}, signal);
    // A later question was answered before this one, or nothing is compared any more.
    if (ours !== turn) return;
    fill(
      compared,
      h(
        "div",
        { class: "card" },
        h("h2", {}, `${counted(found.total, "task")} changed between ${many(from)} and ${many(to)}`),
        h("div", { class: "counts" }, found.moves.map((move) => h("span", {}, move.before ? chip(move.before) : h("span", { class: "soft" }, "not there"), " → ", chip(move.after || "gone"), ` ${many(move.tasks)}`))),
        found.tasks.length
          ? table(["Task", "Before", "After", "What else"], found.tasks.map((one) => changed(one, now.place)), { label: "Changed tasks" })
          : nothing("Nothing changed."),
        found.total > found.tasks.length && h("p", { class: "soft" }, `The first ${many(found.tasks.length)} are shown.`),
      ),
    );
  };
  fill(root, when.element, h("div", { class: "card" }, state), compared, facts.element);
  facts.offer((await words()).facts);
}

function changed({ task, before, after }, place) {
  const said = (one) => (one ? h("span", {}, chip(one.status), one.attempt ? ` #${one.attempt}` : "") : h("span", { class: "soft" }, "not there"));
  const more = [];
  if (after?.failure && after.failure !== before?.failure) more.push(after.failure);
  for (const link of ["previous", "reference"]) {
    if (before && after && before[link] !== after[link]) more.push(`${link}: ${short(before[link]) || "none"} → ${short(after[link]) || "none"}`);
  }
  return [["small wide task", h("a", { href: links.task(task, { at: place }) }, short(task))], said(before), said(after), ["soft wide", more.join("; ")]];
}
