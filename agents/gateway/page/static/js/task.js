// SPDX-License-Identifier: Apache-2.0
// One task: why it is where it is, its life, what goes in and comes out.

import { get, patiently, url } from "./api.js";
import { chip, fill, h, table, toast } from "./dom.js";
import { areaOf, between, bytes, counted, day, instant, lasting, links, many, short } from "./format.js";
import { following } from "./live.js";
import { Kept, PICTURES, logOf, measures, progressOf, provenance, quicklooks } from "./results.js";
import { WISHES, wishOfTask } from "./wish.js";

const KNOWN = new Set("id number area kind scene tile cell acquired_at status attempt countdown setbacks worker failure message started_at ended_at not_before previous reference ingestion layers attempts wishes before after".split(" "));

/** The task of that id; with `at`, how it stood after so many facts of its area. */
export async function show(root, parts, query, signal) {
  const id = parts.join("/");
  const at = query.get("at");
  document.title = `${short(id)} · Ingester`;
  const body = h("div");
  const looks = { kept: new Kept(), signal };
  fill(root, body);
  await following(signal, async () => {
    const [task, steps, past] = await Promise.all([
      get(url(["tasks", id]), { signal }),
      get(url(["tasks", id, "explanation"]), { signal }),
      at && patiently(url(["areas", areaOf(id), "history", "at"], { place: at, task: id }), () => {}, signal),
    ]);
    const near = await sources(task, signal);
    draw(body, task, steps, near, { ...looks, past });
  });
}

/** The tasks that it is built on. */
async function sources(task, signal) {
  const wanted = { scene: task.kind === "PROCESS" ? `${task.area}/${task.scene}` : "", previous: task.previous, reference: task.reference };
  const found = await Promise.all(
    Object.entries(wanted).filter(([, id]) => id).map(async ([role, id]) => [role, await get(url(["tasks", id]), { signal }).catch(() => null)]),
  );
  return Object.fromEntries(found.filter(([, one]) => one));
}

function draw(body, task, steps, near, looks) {
  const area = areaOf(task.id);
  fill(
    body,
    h("div", { class: "crumbs" }, h("a", { href: "#/" }, "Areas"), " › ", h("a", { href: links.area(area) }, area), task.kind === "PROCESS" && [" › ", h("a", { href: links.task(`${area}/${task.scene}`) }, task.scene)]),
    h(
      "div",
      { class: "head" },
      h("h1", {}, task.tile || task.scene),
      chip(task.status, true),
      h(
        "div",
        { class: "acts" },
        Object.entries(WISHES).filter(([, wish]) => wish.from.includes(task.status)).map(([word, wish]) =>
          h("button", { class: `may-operate ${wish.danger ? "bad-act" : "main-act"}`, data: { keep: word }, onclick: () => wishOfTask(task, word) }, wish.act),
        ),
        h("a", { class: "button may-operate", href: `#/new?${new URLSearchParams({ from: area })}`, title: "Facts are not edited: a new request says it rightly" }, "Change what is asked"),
      ),
    ),
    looks.past && stood(task, looks.past),
    h(
      "div",
      { class: "columns" },
      h("div", {}, h("div", { class: "card" }, h("h2", {}, "Why it is here"), steps.map((step, number) => explained(step, number))), h("div", { class: "card" }, h("h2", {}, "Its life"), life(task, looks))),
      h(
        "div",
        {},
        quicklooks(task, looks.kept, looks.signal),
        h("div", { class: "card" }, h("h2", {}, "What it is"), about(task)),
        h("div", { class: "card" }, h("h2", {}, task.kind === "DOWNLOAD" ? "Gives" : "Built on"), inputs(near, task)),
        task.cell && h("div", { class: "card" }, h("h2", {}, "Its place in the chain"), chained(task)),
        h("div", { class: "card" }, h("h2", {}, "Layers"), layers(task, looks)),
        more(task),
      ),
    ),
  );
}

function explained(step, number) {
  return h(
    "div",
    { class: "step" },
    number > 0 && h("h3", {}, "↓ ", h("a", { href: links.task(step.task) }, short(step.task)), " ", chip(step.status)),
    h("ul", { class: "why-list" }, step.why.map((one) => h("li", { class: "wide" }, one))),
    step.change.length > 0 && [h("p", { class: "small soft" }, "What would change it:"), h("ul", { class: "why-list small" }, step.change.map((one) => h("li", { class: "wide" }, one.startsWith("ingester ") ? h("code", {}, one) : one)))],
  );
}

/** How it stood at an instant of its area's log. */
function stood(task, { place, at, tasks: [found] }) {
  const [, status, attempts, previous, reference, failure] = found ?? [];
  const told = { attempt: attempts || "", failure, previous: short(previous ?? ""), reference: short(reference ?? "") };
  return h(
    "div",
    { class: "card past" },
    `After ${counted(place, "fact")}${at ? `, ${instant(at)}` : ""}: `,
    found ? chip(status) : "not there",
    Object.entries(told).filter(([, value]) => value).map(([name, value]) => `, ${name} ${value}`),
    ". Its life below goes so far; all else is as it is now. ",
    h("a", { href: links.task(task.id) }, "Now"),
  );
}

/** Attempts and wishes in order of time. */
function life(task, looks) {
  const until = looks.past ? (looks.past.at ?? "") : null;
  const isPast = (at) => until === null || new Date(at) <= new Date(until);
  const moments = [
    ...task.attempts.map((one) => [one.ordered_at ?? one.started_at ?? one.ended_at ?? "", () => attempt(task, !one.ended_at || isPast(one.ended_at) ? one : begun(one), looks)]),
    ...task.wishes.map((one) => [one.at, () => asked(one)]),
  ].filter(([at]) => isPast(at)).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  if (!moments.length) return h("p", { class: "soft" }, "Nothing was tried yet.");
  return h("ol", { class: "life" }, moments.map(([, make]) => make()));
}

/** An attempt before its end. */
const begun = ({ attempt, worker, ordered_at, started_at }) => ({ attempt, worker, ordered_at, started_at, outcome: "running", trials: [] });

function attempt(task, one, { kept, signal, past }) {
  const seconds = one.duration_s || (one.started_at && one.ended_at ? between(one.started_at, one.ended_at) : null);
  return h(
    "li",
    { class: one.outcome },
    h("div", {}, h("b", {}, `Attempt ${one.attempt} `), chip(one.outcome), one.worker ? h("span", { class: "soft" }, ` at ${one.worker}`) : ""),
    h("div", { class: "small soft" }, one.ordered_at ? `ordered ${instant(one.ordered_at)}` : "", one.started_at ? `, began ${instant(one.started_at)}` : "", seconds !== null ? `, took ${lasting(seconds)}` : "", one.provider ? `, from ${one.provider}` : ""),
    one.failure && h("div", { class: "message mono" }, `${one.failure}: ${one.message}`),
    one.trials.length > 0 && table(["Provider", "Outcome", ["number", "Bytes"], ["number", "Time"], "Says"], one.trials.map(trial), { label: `Trials of attempt ${one.attempt}` }),
    one.outcome === "running" && one.started_at && !past && progressOf(task.id, one.attempt, kept, signal),
    one.log && logOf(task.id, one, kept, signal),
  );
}

function trial(one) {
  return [one.provider, one.failure ? one.failure : chip("done"), ["number", bytes(one.size_bytes ?? 0)], ["number", lasting(one.duration_s)], ["soft wide", one.message]];
}

function asked(one) {
  return h(
    "li",
    { class: "asked" },
    h("div", {}, h("b", {}, one.by || "somebody"), ` asked: ${one.wish}${one.task ? "" : " (the area)"} `, one.refusal ? chip("refused") : chip("done")),
    h("div", { class: "small soft" }, instant(one.at)),
    one.why && h("div", { class: "wide" }, `“${one.why}”`),
    one.refusal && h("div", { class: "small wide" }, one.refusal),
  );
}

function about(task) {
  const rows = [
    ["Id", h("span", {}, h("code", {}, task.id), " ", copy(task.id))],
    ["Kind", task.kind.toLowerCase()],
    ["Acquired", instant(task.acquired_at)],
    ["Place", task.cell && h("a", { href: links.area(task.area, "chains", { tile: task.id }) }, task.cell)],
    ["Attempt", task.attempt ? String(task.attempt) : "none yet"],
    ["Retries left", String(task.countdown)],
    ["Not before", instant(task.not_before)],
    ["Worker", task.worker],
    ["Request", task.ingestion],
    ["Number", String(task.number)],
  ];
  return h("dl", { class: "pairs-list" }, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function inputs(near, task) {
  const found = Object.entries(near);
  if (!found.length) return task.kind === "DOWNLOAD" ? h("p", {}, h("a", { href: links.area(task.area, "tasks", { text: task.scene, kind: "PROCESS" }) }, "Its tiles")) : h("p", { class: "soft" }, "Nothing: it begins its chain.");
  return table(
    ["As", "Task", "Status", ["number", "Layers"]],
    found.map(([role, one]) => [["soft", role], ["wide", h("a", { href: links.task(one.id) }, role === "scene" ? one.scene : `${one.tile} ${day(one.acquired_at)}`)], chip(one.status), ["number", many(one.layers.length)]]),
    { label: "What it is built on" },
  );
}

/** The tile with those before and after it, in order of acquisition. */
function chained(task) {
  const rows = [["before", task.before], ["this", task], ["after", task.after]].filter(([, one]) => one);
  return [
    table(
      ["Where", "Tile", "Acquired", "Status"],
      rows.map(([where, one]) => [["soft", where], ["wide", one === task ? h("b", {}, one.tile) : h("a", { href: links.task(one.id) }, one.tile)], day(one.acquired_at), chip(one.status)]),
      { label: "Its place in the chain" },
    ),
    h("p", {}, h("a", { href: links.area(task.area, "chains", { tile: task.id }) }, "On the board of chains")),
  ];
}

function layers(task, { kept, signal }) {
  if (!task.layers.length) return h("p", { class: "soft" }, "None yet.");
  return [
    table(
      ["Layer", "For", ["number", "Size"], "Address", "File"],
      task.layers.map((layer) => [["wide", h("span", { title: layer.uri }, `${layer.name}.${layer.extension}`)], ["soft", purpose(layer)], ["number", bytes(layer.size_bytes)], copy(layer.uri), !layer.deleted_at && open(task, layer, signal)]),
      { label: "Layers" },
    ),
    measures(task.layers),
    provenance(task, kept, signal),
  ];
}

function purpose(layer) {
  if (layer.deleted_at) return `deleted ${day(layer.deleted_at)}`;
  if (PICTURES.has(layer.extension)) return "people";
  return { CREATE: "later steps", INDEX: "readers", DESCRIBE: "catalogue" }[layer.action] ?? layer.action.toLowerCase();
}

/** What the answer has that this page knows nothing of. */
function more(task) {
  const found = Object.entries(task).filter(([name, value]) => !KNOWN.has(name) && value !== null && value !== "");
  return found.length > 0 && h("details", { class: "card" }, h("summary", {}, "More"), h("pre", { tabindex: "0" }, JSON.stringify(Object.fromEntries(found), null, 2)));
}

/** Reads a layer from the store, by an address that needs no keys for a while. */
function open(task, layer, signal) {
  const file = layer.uri.split("/").at(-1);
  const opened = async () => {
    try {
      const found = await get(url(["areas", task.area, "scenes", task.scene, "tiles", layer.tile, file]), { signal });
      if (found.uri !== layer.uri) throw new Error(`${layer.uri}: a later attempt gave ${found.uri}`);
      // It is another host's: it learns nothing of this page.
      h("a", { href: found.url, target: "_blank", rel: "noopener noreferrer" }).click();
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message, true);
    }
  };
  return h("button", { type: "button", class: "small", "aria-label": `Open ${layer.name}.${layer.extension}`, onclick: opened }, "Open");
}

function copy(text) {
  return h(
    "button",
    {
      type: "button",
      class: "small",
      "aria-label": `Copy ${text}`,
      onclick: () => navigator.clipboard.writeText(text).then(() => toast("Copied"), () => toast(text)),
    },
    "Copy",
  );
}
