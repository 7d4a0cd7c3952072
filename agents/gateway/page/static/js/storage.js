// SPDX-License-Identifier: Apache-2.0
// What an area keeps in the object store, and why. Taken when asked for: the log of the
// area is folded and the store listed for it.

import { get, url } from "./api.js";
import { chip, fill, h, nothing, table } from "./dom.js";
import { bytes, counted, instant, links, many, short } from "./format.js";

const LISTED = 200;

const CHIPS = { kept: "done", released: "pending", orphan: "retry", missing: "failed" };

/** The tab. */
export async function show(root, area, _query, signal) {
  const body = h("div", {}, h("p", { class: "soft", role: "status" }, "taking stock…"));
  fill(root, body);
  const take = async () => {
    const found = await get(url(["areas", area, "storage"]), { signal });
    fill(body, drawn(area, found, take, signal));
  };
  await take();
}

function drawn(area, found, take, signal) {
  const total = found.sums.reduce((sum, one) => sum + one.size_bytes, 0);
  const objects = found.sums.reduce((sum, one) => sum + one.objects, 0);
  return [
    h(
      "div",
      { class: "card" },
      h(
        "div",
        { class: "head" },
        h("h2", {}, `${bytes(total)} in ${counted(objects, "object")}`),
        h("span", { class: "soft small" }, `as of ${instant(new Date())}`),
        h("div", { class: "acts" }, h("button", { type: "button", data: { keep: "stock" }, onclick: () => take() }, "Take stock again")),
      ),
      found.sums.length
        ? table(
            ["What", "Why", ["number", "Objects"], ["number", "Size"]],
            found.sums.map((one) => [keeping(one), ["wide", one.why], ["number", many(one.objects)], ["number", bytes(one.size_bytes)]]),
            { label: "Storage" },
          )
        : nothing("Nothing is stored, and nothing should be."),
      h("p", { class: "small soft gap" }, "Released objects are deleted by the janitor where it runs. Orphans are what no fact lists, as killed attempts leave it: ", h("code", {}, `ingester storage orphans ${area} --remove`), " deletes them."),
    ),
    objects > 0 && each(area, signal),
  ];
}

const keeping = (one) => h("span", { class: `chip ${CHIPS[one.keeping] ?? "new"}` }, one.keeping);

/** Every object, the largest first; asked for when it is opened. */
function each(area, signal) {
  const list = h("div");
  const part = h("details", { class: "card" }, h("summary", {}, "Each object"), list);
  part.addEventListener("toggle", async () => {
    if (!part.open) return;
    const { objects } = await get(url(["areas", area, "storage"], { every: true }), { signal });
    const largest = objects.toSorted((a, b) => b.size_bytes - a.size_bytes);
    fill(
      list,
      table(
        ["What", "Object", "Task", "Why", ["number", "Size"]],
        largest.slice(0, LISTED).map((one) => [keeping(one), ["small wide", one.uri], ["small wide", one.task && h("a", { href: links.task(one.task) }, short(one.task))], ["small soft wide", one.why], ["number", bytes(one.size_bytes)]]),
        { label: "Objects" },
      ),
      largest.length > LISTED && h("p", { class: "small soft" }, `The largest ${many(LISTED)} of ${many(largest.length)}; `, h("code", {}, `ingester storage report ${area} --json`), " has them all."),
    );
  });
  return part;
}
