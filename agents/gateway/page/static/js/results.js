// SPDX-License-Identifier: Apache-2.0
// What a task gave to look at: quick-looks, what its steps said, where layers come from.

import { answer, get, image, url } from "./api.js";
import { fill, h, problem, table } from "./dom.js";
import { between, bytes, instant, lasting, many } from "./format.js";

const AGAIN_MS = 2000;

export const PICTURES = new Set(["png", "jpg"]);

/** Elements that outlive a redrawing: what was opened stays open, what was read stays. */
export class Kept {
  #made = new Map();

  of(key, make) {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key);
  }
}

/** Quick-looks among the layers of a task. */
export function quicklooks(task, kept, signal) {
  const some = task.layers.filter((layer) => PICTURES.has(layer.extension) && !layer.deleted_at);
  if (!some.length) return null;
  return h("div", { class: "card" }, h("h2", {}, "Quick-look"), some.map((layer) => kept.of(layer.uri, () => picture(task.id, layer.uri, layer.tile, signal))));
}

/** One picture of a task, drawn when it comes; nothing if it has none. */
export function picture(task, uri, label, signal) {
  const holder = h("div", { class: "quicklook" });
  image(url(["tasks", task, "picture"], { uri }), { signal })
    .then((bitmap) => {
      if (!bitmap) return;
      const canvas = h("canvas", { width: bitmap.width, height: bitmap.height, role: "img", "aria-label": `Quick-look of ${label}` });
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      bitmap.close();
      fill(holder, canvas);
    })
    .catch((error) => error.name !== "AbortError" && fill(holder, h("p", { class: "small soft" }, `No picture: ${error.message}`)));
  return holder;
}

/** A part that is read when it is opened. */
function opened(title, read) {
  const body = h("div");
  const part = h("details", {}, h("summary", {}, title), body);
  part.addEventListener("toggle", async () => {
    if (!part.open) return;
    fill(body, h("p", { class: "small soft", role: "status" }, "…"));
    try {
      fill(body, await read());
    } catch (error) {
      if (error.name !== "AbortError") fill(body, problem(error));
    }
  });
  return part;
}

/** The end of what the steps of an attempt said. */
export function logOf(task, attempt, kept, signal) {
  return kept.of(`log ${attempt.attempt} ${attempt.log}`, () =>
    opened("Log", async () => {
      const found = await get(url(["tasks", task, "attempts", String(attempt.attempt), "log"]), { signal });
      const text = h("pre", { tabindex: "0", "aria-label": `Log of attempt ${attempt.attempt}` }, h("code", {}, found.text));
      // The end says what went wrong.
      requestAnimationFrame(() => (text.scrollTop = text.scrollHeight));
      const shown = new Blob([found.text]).size;
      return [shown < found.size_bytes && h("p", { class: "small soft" }, `The last ${bytes(shown)} of ${bytes(found.size_bytes)}.`), text, h("p", { class: "small soft wide" }, attempt.log)];
    }),
  );
}

/** What the worker of a running attempt says, as it says it. */
export function progressOf(task, attempt, kept, signal) {
  return kept.of(`progress ${attempt}`, () => {
    const said = h("div", { class: "small", role: "status" });
    const ask = async () => {
      const { body } = await answer(url(["tasks", task, "progress"]), { signal }).catch(() => ({ body: null }));
      if (signal.aborted) return;
      fill(said, body && body.attempt === attempt ? heard(body) : h("span", { class: "soft" }, "Nothing was heard of it lately."));
      if (said.isConnected) setTimeout(ask, AGAIN_MS);
    };
    setTimeout(ask);
    return said;
  });
}

function heard(said) {
  const share = said.total_bytes > 0 ? Math.min(said.done_bytes / said.total_bytes, 1) : null;
  return [
    h("span", {}, h("b", {}, said.step), said.done_bytes > 0 ? `, ${bytes(said.done_bytes)}` : "", share !== null ? ` of ${bytes(said.total_bytes)}` : "", h("span", { class: "soft" }, `, heard ${lasting(between(said.at, new Date()))} ago`)),
    share !== null && h("progress", { max: "1", value: String(share), "aria-label": "Of its bytes" }),
  ];
}

/** How far a running attempt is, in a few words. */
export function briefly(said) {
  if (!said) return "";
  const share = said.total_bytes > 0 ? `, ${Math.floor((100 * said.done_bytes) / said.total_bytes)} %` : said.done_bytes > 0 ? `, ${bytes(said.done_bytes)}` : "";
  return `${said.step}${share}`;
}

/** What was found in the layers that are rasters. */
export function measures(layers) {
  const rows = layers.flatMap((layer) =>
    layer.bands.map((band, number) => [
      layer.bands.length > 1 ? `${layer.name} ${number + 1}` : layer.name,
      ...[band.minimum, band.mean, band.maximum].map((value) => ["number", value === null ? "" : many(value)]),
      ["number", `${band.valid_pct.toFixed(1)} %`],
    ]),
  );
  if (!rows.length) return null;
  return h("details", {}, h("summary", {}, "Measures"), table(["Layer", ["number", "Least"], ["number", "Mean"], ["number", "Most"], ["number", "Valid"]], rows, { label: "Measures of the layers" }));
}

/** Where the layers come from, as their STAC item tells it. */
export function provenance(task, kept, signal) {
  const item = task.layers.find((layer) => layer.action === "DESCRIBE" && !layer.deleted_at);
  if (!item) return null;
  return kept.of(`provenance ${item.uri}`, () =>
    opened("Where they come from", async () => origin(await get(url(["stac", "collections", task.area, "items", item.name]), { signal }))),
  );
}

function origin(item) {
  const said = item.properties;
  const pairs = (found) => Object.entries(found ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
  const sources = item.links.filter((link) => link.rel === "derived_from");
  const rows = [
    ["Acquired", instant(said.datetime)],
    ["Graph", said["ingester:graph"]],
    ["Its SHA-256", said["ingester:graph_sha256"]],
    ["Configuration", pairs(said["ingester:config"])],
    ["Software", pairs(said["processing:software"])],
    ["Lineage", said["processing:lineage"]],
    ["Layers it was given", sources.length > 0 && h("ul", { class: "why-list" }, sources.map((link) => h("li", { title: link.href }, link.title)))],
  ];
  return [
    h("dl", { class: "pairs-list small" }, rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("details", {}, h("summary", {}, "STAC item"), h("pre", { tabindex: "0" }, h("code", {}, JSON.stringify(item, null, 2)))),
  ];
}
