// SPDX-License-Identifier: Apache-2.0
// A product in every area; a task by its id or its number.

import { get, url } from "./api.js";
import { chip, fill, h, nothing, table } from "./dom.js";
import { counted, day, links } from "./format.js";
import { following } from "./live.js";

/** What was found. */
export async function show(root, _parts, query, signal) {
  const product = query.get("product") ?? "";
  document.title = `${product} · Ingester`;
  const task = await taskOf(product, signal);
  if (task) {
    location.replace(links.task(task));
    return;
  }
  const pattern = /[*?]/.test(product) ? product : `*${product}*`;
  const found = h("div", { class: "card" });
  fill(root, h("div", { class: "head" }, h("h1", {}, `“${product}”`)), found);
  await following(signal, async () => {
    const [tasks, areas] = await Promise.all([
      get(url(["search"], { product: pattern, limit: 200 }), { signal }),
      get(url(["areas"], { pattern, limit: 20 }), { signal }),
    ]);
    fill(
      found,
      areas.map((area) => h("p", {}, "Area ", h("a", { href: links.area(area.name) }, area.name), " ", chip(area.status))),
      tasks.tasks.length
        ? [
            h("p", { class: "soft" }, counted(tasks.total, "task"), tasks.next ? ", the first 200 of them" : ""),
            table(["Task", "Area", "Acquired", "Status"], tasks.tasks.map((t) => [h("a", { href: links.task(t.id) }, t.id.slice(t.area.length + 1)), t.area, day(t.acquired_at), chip(t.status)]), { label: "Tasks" }),
          ]
        : !areas.length && nothing("No product or area of that name."),
    );
  });
}

/** The task that a text names whole; empty: none. */
async function taskOf(text, signal) {
  const known = async (path) => get(path, { signal }).catch((error) => (error.status === 404 ? null : Promise.reject(error)));
  if (text.includes("/") && !/[*?]/.test(text)) return (await known(url(["tasks", text])))?.id ?? "";
  if (!/^\d+$/.test(text)) return "";
  const scene = await known(url(["scene", text]));
  if (scene) return `${scene.aoi}/${scene.source_id}`;
  const tile = await known(url(["tile", text]));
  return tile ? `${tile.scene.aoi}/${tile.scene.source_id}/${tile.source_id}` : "";
}
