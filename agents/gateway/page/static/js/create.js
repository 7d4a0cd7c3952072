// SPDX-License-Identifier: Apache-2.0
// Ask for an area: its polygons, the form, a look at what it would lead to, then publish.

import { answer, get, post, url } from "./api.js";
import { chip, fill, h, problem, table, toast, unknownOutline } from "./dom.js";
import { Drawing } from "./draw.js";
import { bytes, counted, day, links, many } from "./format.js";
import { Form, spelled } from "./form.js";
import { shapeProblem } from "./geo.js";
import { words as known } from "./session.js";

const GEOMETRIES = ["Polygon", "MultiPolygon", "GeometryCollection"];
// Members of GeoJSON itself; those that are not of the area are allowed and not read.
const GEOJSON = new Set("type geometry coordinates features geometries properties bbox crs id".split(" "));
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
    try {
      const document = read(content);
      const geometry = geometryOf(document);
      if (geometry) {
        drawing.set(geometry);
        text.value = JSON.stringify(geometry);
      }
      const members = ours(document, words.request);
      if (isRequest(members)) form.value = members;
      else form.add(members);
      const unknown = Object.keys(members).filter((name) => !form.fields.has(name));
      fill(said, h("p", { class: "soft" }, geometry ? `Read ${from}.` : `${from}: no polygon in it.`, unknown.length > 0 && ` Not known here, and left out: ${unknown.join(", ")}.`));
    } catch (error) {
      fill(said, problem(`${from}: ${error.message}`));
    }
  };
  // Files of a batch are not shown: what the form holds is what the operator filled in.
  const takeFiles = async (files) => {
    const contents = await Promise.all([...files].map(async (one) => [one.name, await one.text()]));
    fill(outcome);
    if (contents.length === 1) {
      const [[name, content]] = contents;
      take(content, name);
    } else if (contents.length > 1) {
      fill(said);
      fill(outcome, batch(contents, request));
    }
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
  if (from) fill(said, await prefill(from, form, drawing, text, signal));
}

/** The form as a former request of an area said it; what is to be told of that. */
async function prefill(area, form, drawing, text, signal) {
  const { requests, unknown } = await get(url(["areas", area, "outline"]), { signal });
  const last = requests.at(-1);
  if (!last) return unknown > 0 && unknownOutline(unknown);
  drawing.set(last.geometry);
  text.value = JSON.stringify(last.geometry);
  try {
    const { payload, scenes } = await get(url(["areas", area, "requests", last.ingestion]), { signal });
    form.value = payload;
    return scenes && h("p", { class: "note" }, "Scenes were posted with that request, and no catalogue was searched; this form searches. They are in ", h("code", {}, scenes), ".");
  } catch (error) {
    if (error.name === "AbortError") throw error;
    form.value = remembered(area, last);
    return h("p", { class: "note" }, `The request itself cannot be read: ${error.message}. Not known, and to be filled in again: ${FORGOTTEN}.`);
  }
}

const FORGOTTEN = "constellation and filters, layers named by variable, record tags, annotations, searches, page, chain, cells, versions, limits, priority";

/** What the facts of an area have of a request. */
function remembered(area, { start_time, end_time, settings }) {
  return {
    name: area,
    start_time,
    end_time,
    scene_graph_name: settings.scene_graph,
    tile_graph_name: settings.tile_graph,
    graph_config: settings.graph_config,
    layers: Object.fromEntries(Object.entries(settings.instances ?? {}).map(([name, instance_id]) => [name, { instance_id }])),
    storage_uri: settings.storage_uri,
    is_retriable: settings.retriable,
    retry_count: settings.retry_count,
  };
}

/** A request or GeoJSON; throws what is wrong with it. */
function read(content) {
  let document;
  try {
    document = JSON.parse(content);
  } catch (error) {
    throw new Error(`not JSON: ${error.message}`);
  }
  if (!document || typeof document !== "object" || Array.isArray(document)) throw new Error("expected a JSON object");
  const wrong = shapeProblem(document);
  if (wrong) throw new Error(wrong);
  return document;
}

function geometryOf(document) {
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

/**
 * Members of a request in a document. GeoJSON has members of those who wrote it; in a
 * request, one that is not known is a mistake, which the gateway names.
 */
function ours(document, schema) {
  const members = Object.entries(spelled(document)).filter(([name]) => !GEOJSON.has(name));
  const known = Object.fromEntries(members.filter(([name]) => Object.hasOwn(schema.properties, name)));
  return isRequest(known) ? Object.fromEntries(members) : known;
}

/** Is it more than GeoJSON, which may have a name? */
const isRequest = (members) => Object.keys(members).some((name) => name !== "name");

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
function batch(contents, request) {
  const rows = contents.map(([name, content]) => {
    try {
      return { name, document: read(content), state: h("span", {}, chip("new")) };
    } catch (error) {
      return { name, document: null, state: refused(error) };
    }
  });
  const good = rows.filter((row) => row.document);
  const all = h("button", { type: "button", class: "main-act", disabled: !good.length, onclick: () => publishAll() }, `Publish all ${good.length}`);
  const publishAll = async () => {
    all.disabled = true;
    for (const row of good) {
      try {
        const area = request(row.document);
        await post("/catalog/aoi", { area });
        fill(row.state, chip("done"), " ", h("a", { href: links.area(area.name) }, area.name));
      } catch (error) {
        fill(row.state, refused(error));
      }
    }
  };
  return h("div", { class: "card" }, h("h2", {}, "Batch"), h("p", { class: "soft" }, "Members that a file lacks are taken from the form."), table(["File", "Area", "State"], rows.map((row) => [row.name, String(spelled(row.document ?? {}).name ?? ""), row.state]), { label: "Batch" }), h("div", { class: "acts" }, all));
}

const refused = (error) => h("span", {}, chip("refused"), h("span", { class: "wide" }, ` ${error.message}`));
