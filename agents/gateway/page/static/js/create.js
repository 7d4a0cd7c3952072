// SPDX-License-Identifier: Apache-2.0
// Ask for an area: its polygons, the form, a look at what it would lead to, then publish.

import { answer, get, post, url } from "./api.js";
import { chip, fill, h, problem, table, toast, unknownOutline } from "./dom.js";
import { Drawing } from "./draw.js";
import { bytes, counted, day, links, many } from "./format.js";
import { Form } from "./form.js";
import { words as known } from "./session.js";

const GEOMETRIES = ["Polygon", "MultiPolygon", "GeometryCollection"];
const FIRST = ["graph_config", "is_retriable", "retry_count"];
const SHOWN = 100;

/** The page. */
export async function show(root, _parts, query, signal) {
  document.title = "New area · Ingester";
  const words = await known();
  const form = new Form(words.request, {
    suggestions: { constellation: words.constellations, scene_graph_name: words.graphs, tile_graph_name: words.graphs, searches: words.searches },
    first: FIRST,
  });
  const said = h("div", { role: "status" });
  const outcome = h("div");
  const text = h("textarea", { rows: "5", class: "mono", "aria-label": "The area as GeoJSON", placeholder: '{"type": "Polygon", "coordinates": [[[9, 55], …]]}', onchange: () => take(text.value, "what you typed") });
  const drawing = new Drawing(signal, (geometry) => {
    text.value = JSON.stringify(geometry);
  });
  const file = h("input", { type: "file", multiple: true, accept: ".json,.geojson,application/geo+json,application/json", "aria-label": "GeoJSON files or requests", onchange: () => takeFiles(file.files) });
  const drop = h("div", { class: "drop" }, h("p", {}, "Drop GeoJSON here, or a whole request; several files are a batch."), file);
  for (const type of ["dragenter", "dragover"]) drop.addEventListener(type, (event) => (event.preventDefault(), drop.classList.add("over")));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    takeFiles(event.dataTransfer.files);
  });

  const take = (content, from) => {
    let document;
    try {
      document = JSON.parse(content);
    } catch (error) {
      fill(said, problem(`${from}: not JSON: ${error.message}`));
      return null;
    }
    const geometry = geometryOf(document);
    if (geometry) {
      drawing.set(geometry);
      text.value = JSON.stringify(geometry);
    }
    form.value = document;
    fill(said, h("p", { class: "soft" }, geometry ? `Read ${from}.` : `${from}: no polygon in it.`));
    return document;
  };
  const takeFiles = async (files) => {
    const documents = [];
    for (const one of files) {
      const document = take(await one.text(), one.name);
      if (document) documents.push([one.name, document]);
    }
    fill(outcome, documents.length > 1 && batch(documents, request));
  };
  const request = (document = {}) => {
    const geometry = geometryOf(document) ?? drawing.geometry;
    if (!geometry) throw new Error("The area is missing: drop a file, draw it, or type it.");
    return { ...form.value, ...ours(document, words.request), ...collection(geometry) };
  };
  const guarded = async (button, act) => {
    const fields = root.querySelector("form.ask");
    if (!fields.reportValidity()) return;
    button.disabled = true;
    try {
      await act(request());
    } catch (error) {
      fill(outcome, problem(error));
      outcome.scrollIntoView({ block: "nearest" });
    }
    button.disabled = false;
  };
  const look = h("button", { type: "button", onclick: () => guarded(look, (area) => plan(area, outcome, drawing, signal)) }, "Look first");
  const publish = h("button", { type: "button", class: "main-act", onclick: () => guarded(publish, send) }, "Publish");
  const send = async (area) => {
    await post("/catalog/aoi", { area });
    toast(`asked for ${area.name}`);
    location.hash = links.area(area.name);
  };
  fill(
    root,
    h("div", { class: "head" }, h("h1", {}, "New area")),
    h("div", { class: "card" }, h("h2", {}, "1 · Where"), h("div", { class: "columns" }, h("div", {}, drop, h("p", {}), text, said), h("div", {}, drawing.pane.element, drawing.acts))),
    h("form", { class: "card ask", onsubmit: (event) => event.preventDefault() }, h("h2", {}, "2 · What"), form.element, h("div", { class: "sticky acts" }, look, publish, h("span", { class: "small soft" }, "Look first shows scenes, tiles and chains; nothing is ingested."))),
    outcome,
  );
  const from = query.get("from");
  if (from) await prefill(from, form, drawing, text, signal);
}

/** The form as a former request of an area said it. */
async function prefill(area, form, drawing, text, signal) {
  const { requests, unknown } = await get(url(["areas", area, "outline"]), { signal });
  const last = requests.at(-1);
  if (!last) {
    if (unknown > 0) form.element.prepend(h("div", { class: "all" }, unknownOutline(unknown)));
    return;
  }
  const { settings } = last;
  form.value = {
    name: area,
    start_time: last.start_time,
    end_time: last.end_time,
    scene_graph_name: settings.scene_graph,
    tile_graph_name: settings.tile_graph,
    graph_config: settings.graph_config,
    storage_uri: settings.storage_uri,
    is_retriable: settings.retriable,
    retry_count: settings.retry_count,
  };
  drawing.set(last.geometry);
  text.value = JSON.stringify(last.geometry);
}

function geometryOf(document) {
  if (!document || typeof document !== "object") return null;
  if (GEOMETRIES.includes(document.type) || document.features || document.geometry) return bare(document);
  return null;
}

/** GeoJSON alone, without the members of a request beside it. */
function bare({ type, coordinates, geometries, geometry, features }) {
  if (features) return { type: "GeometryCollection", geometries: features.map((one) => one.geometry).filter(Boolean) };
  if (geometry) return geometry;
  return geometries ? { type, geometries } : { type, coordinates };
}

const collection = (geometry) => ({ type: "Feature", geometry });

/** Members of a request in a document. */
function ours(document, schema) {
  const known = Object.keys(schema.properties);
  return Object.fromEntries(Object.entries(document).filter(([name]) => known.includes(name.toLowerCase())));
}

async function plan(area, outcome, drawing, signal) {
  const said = h("p", { class: "soft", role: "status" }, "asking the catalogues…");
  fill(outcome, h("div", { class: "card" }, said));
  let { status, body, headers } = await post("/catalog/plan", { area }, { signal, headers: { Prefer: "wait=2" } });
  const inventory = headers.get("location");
  while (status === 202) {
    const { step, done, total, scenes, tiles } = body;
    said.textContent = `${step || "waiting"} ${total ? `${many(done)} of ${many(total)}` : ""}: ${counted(scenes, "scene")}, ${counted(tiles, "tile")}`;
    ({ status, body } = await answer(`${inventory}/document`, { signal, headers: { Prefer: "wait=2" } }));
  }
  drawing.show(body.features);
  drawPlan(outcome, body);
}

function drawPlan(outcome, { plan: found, features }) {
  const { estimate } = found;
  fill(
    outcome,
    h(
      "section",
      { class: "card", "aria-label": "What it would lead to" },
      h("h2", {}, "3 · What it would lead to"),
      h(
        "dl",
        { class: "pairs-list" },
        [
          ["Scenes", many(found.scenes)],
          ["Tiles", many(found.tiles)],
          ["Chains", `${many(found.chains.length)}, the longest of ${counted(estimate.longest_chain, "tile")}`],
          ["To do", `${counted(estimate.downloads, "download")}, ${counted(estimate.processes, "tile")}${estimate.known_tiles ? `; ${counted(estimate.known_tiles, "tile")} are there already` : ""}`],
          ["Size", estimate.download_bytes ? `${bytes(estimate.download_bytes)}${estimate.unsized ? ` and ${counted(estimate.unsized, "scene")} of unknown size` : ""}` : "not told by the catalogue"],
        ].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
      ),
      found.warnings.map((warning) => h("div", { class: "note" }, warning)),
      h("details", { open: found.scenes <= 12 }, h("summary", {}, counted(found.scenes, "scene")), table(["Scene", "Date", ["number", "Tiles"]], features.slice(0, SHOWN).map(({ properties: p }) => [p.source_id, day(p.data?.date), ["number", many(p.tiles?.length ?? 0)]]), { label: "Scenes" }), features.length > SHOWN && h("p", { class: "soft" }, `and ${many(features.length - SHOWN)} more`)),
      h("details", {}, h("summary", {}, counted(found.chains.length, "chain")), table(["Place", ["number", "Tiles"], "From", "To"], found.chains.slice(0, SHOWN).map((one) => [one.cell || "none", ["number", many(one.tiles.length)], day(one.tiles[0]?.date), day(one.tiles.at(-1)?.date)]), { label: "Chains" })),
      found.left_out.length > 0 && h("details", {}, h("summary", {}, counted(found.left_out.length, "scene left out", "scenes left out")), table(["Scene", "Why"], found.left_out.slice(0, SHOWN).map((one) => [one.scene, ["wide", one.reason]]), { label: "Left out" })),
    ),
  );
  outcome.scrollIntoView({ block: "start", behavior: "smooth" });
}

/** Several documents, published one after the other. */
function batch(documents, request) {
  const rows = documents.map(([name, document]) => ({ name, document, state: h("span", {}, chip("new")) }));
  const all = h("button", { type: "button", class: "main-act", onclick: () => publishAll() }, `Publish all ${documents.length}`);
  const publishAll = async () => {
    all.disabled = true;
    for (const row of rows) {
      try {
        const area = request(row.document);
        await post("/catalog/aoi", { area });
        fill(row.state, chip("done"), " ", h("a", { href: links.area(area.name) }, area.name));
      } catch (error) {
        fill(row.state, chip("refused"), h("span", { class: "wide" }, ` ${error.message}`));
      }
    }
  };
  return h("div", { class: "card" }, h("h2", {}, "Batch"), h("p", { class: "soft" }, "Members that a file lacks are taken from the form."), table(["File", "Area", "State"], rows.map((row) => [row.name, row.document.name ?? "", row.state]), { label: "Batch" }), h("div", { class: "acts" }, all));
}
