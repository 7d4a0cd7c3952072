// SPDX-License-Identifier: Apache-2.0
// Where the tasks of an area lie, coloured by status. Tasks of one footprint are one
// shape, in the colour of the most urgent; a click lists them.

import { get, rows, url } from "./api.js";
import { chip, fill, h, nothing, unknownOutline } from "./dom.js";
import { counted, dayOf, links, many, short, URGENT } from "./format.js";
import { boxOf, meets, middle, near, ringsOfGeoJson, ringsOfWkt, trace, within } from "./geo.js";
import { Ground } from "./ground.js";
import { following } from "./live.js";
import { Pane } from "./pane.js";
import { Kept, picture } from "./results.js";
import { session } from "./session.js";
import { When } from "./when.js";

// Footprints of the first page, which is drawn at once, and of those after it.
const PAGES = [1500, 5000];
const WORLD = [0, 0.2, 1, 0.7];
const LISTED = 60;

// A place where some tiles are done is green, the more of them the more.
const COLOURED = ["failed", "retry", "pending", "done", "new"];

/** The tab. */
export async function show(root, area, query, signal) {
  const view = { kind: query.get("kind") ?? "PROCESS", from: "", to: "", shapes: [], outline: [], chosen: null, past: null, kept: new Kept(), signal };
  const side = h("div", { class: "card" }, nothing("Click a footprint to see its tasks."));
  const legend = h("div", { class: "legend" });
  const pane = new Pane({
    label: `Map of ${area}: footprints of tasks. The same tasks are listed in the tab Tasks.`,
    draw: (context) => draw(context, pane, ground, view),
    click: (point) => choose(point),
    hover: (point) => tell(pane, at(view, point)),
    leave: () => tell(pane, []),
    minK: 200,
    maxK: 3e8,
    signal,
  });
  const ground = new Ground(pane);
  const choose = (point) => {
    view.chosen = at(view, point)[0] ?? null;
    list(side, view);
    pane.ask();
  };
  const update = () => {
    group(view);
    drawLegend(legend, view);
    if (view.chosen) {
      view.chosen = view.shapes.find((shape) => shape.wkt === view.chosen.wkt) ?? null;
      list(side, view);
    }
    pane.ask();
  };
  const when = new When(area, signal, (instant) => {
    view.past = instant && new Map(instant.tasks.map((row) => [row[0], row[1]]));
    update();
  });
  const date = (name) => {
    const field = h("input", { type: "date", onchange: () => ((view[name] = field.value), update()) });
    return field;
  };
  const kind = h("select", { onchange: () => ((view.kind = kind.value), refresh()) }, h("option", { value: "PROCESS" }, "tiles"), h("option", { value: "DOWNLOAD" }, "scenes"));
  kind.value = view.kind;
  const tiles = h("input", { type: "checkbox", onchange: () => ((ground.withTiles = tiles.checked), pane.ask()) });
  const fitted = () => {
    const boxes = [...view.outline, ...view.shapes.flatMap((shape) => shape.rings)];
    pane.fit(boxes.length ? boxOf(boxes) : WORLD);
  };
  let first = true;
  let turn = 0;
  const refresh = async () => {
    turn += 1;
    const ours = turn;
    const use = (found) => {
      // A later question was answered before this one.
      if (ours !== turn) return;
      view.rows = found;
      update();
    };
    use(await rows(["areas", area, "footprints"], { kind: view.kind }, PAGES, first ? use : () => {}, signal));
    if (first && !view.outline.length) pane.whenSized(fitted);
    first = false;
  };
  const missing = h("div");
  fill(
    root,
    h(
      "div",
      { class: "filters" },
      h("label", {}, "Show", kind),
      h("label", {}, "Acquired from", date("from")),
      h("label", {}, "to", date("to")),
      session.basemap && h("label", { class: "field check" }, tiles, h("span", {}, "Map tiles")),
      h("div", { class: "acts" }, h("button", { type: "button", onclick: fitted }, "Whole area"), when.button),
    ),
    when.element,
    missing,
    h("div", { class: "side" }, h("div", {}, pane.element, legend), side),
  );
  const outlined = async () => {
    const { requests, unknown } = await get(url(["areas", area, "outline"]), { signal });
    fill(missing, unknown > 0 && unknownOutline(unknown));
    view.outline = requests.flatMap((request) => beside(view, ringsOfGeoJson(request.geometry)));
    if (view.outline.length) pane.whenSized(fitted);
  };
  await Promise.all([outlined(), following(signal, refresh)]);
}

/** A shape on the side of the 180th meridian where the first one of the map lies. */
function beside(view, rings) {
  if (!rings.length) return rings;
  view.middle ??= middle(rings[0]);
  return near(rings, view.middle);
}

/** Rows of one footprint as one shape. */
function group(view) {
  const known = new Map(view.shapes.map((shape) => [shape.wkt, shape]));
  const shapes = new Map();
  view.counts = {};
  for (const [id, acquired, now, wkt] of view.rows ?? []) {
    const status = view.past ? view.past.get(id) : now;
    if (!status) continue;
    const day = dayOf(acquired);
    if ((view.from && day < view.from) || (view.to && day > view.to)) continue;
    view.counts[status] = (view.counts[status] ?? 0) + 1;
    if (!wkt) continue;
    let shape = shapes.get(wkt);
    if (!shape) {
      const rings = known.get(wkt)?.rings ?? beside(view, ringsOfWkt(wkt));
      shape = { wkt, rings, box: boxOf(rings), status, tasks: [], done: 0 };
      shapes.set(wkt, shape);
    }
    shape.tasks.push({ id, day, status });
    shape.done += status === "done";
    if (COLOURED.indexOf(status) < COLOURED.indexOf(shape.status)) shape.status = status;
  }
  view.shapes = [...shapes.values()];
}

function draw(context, pane, ground, view) {
  ground.draw(context);
  const here = [...pane.point(0, 0), ...pane.point(pane.width, pane.height)];
  for (const status of COLOURED.toReversed()) {
    const some = view.shapes.filter((shape) => shape.status === status && meets(shape.box, here));
    context.fillStyle = context.strokeStyle = pane.colour(status);
    for (const shape of some) {
      context.beginPath();
      trace(context, pane, shape.rings);
      context.globalAlpha = status === "new" ? 0.12 : 0.1 + 0.35 * (status === "done" ? shape.done / shape.tasks.length : 0.8);
      context.fill();
    }
    context.beginPath();
    for (const shape of some) trace(context, pane, shape.rings);
    context.globalAlpha = 0.9;
    context.lineWidth = 1;
    context.stroke();
  }
  context.globalAlpha = 1;
  context.strokeStyle = pane.colour("ink");
  context.lineWidth = 1.6;
  context.setLineDash([6, 4]);
  context.beginPath();
  trace(context, pane, view.outline);
  context.stroke();
  context.setLineDash([]);
  if (view.chosen) {
    context.strokeStyle = pane.colour("accent");
    context.lineWidth = 3;
    context.beginPath();
    trace(context, pane, view.chosen.rings);
    context.stroke();
  }
}

/** Shapes under a point, the smallest first. */
function at(view, point) {
  const there = [...point, ...point];
  const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
  return view.shapes.filter((shape) => meets(shape.box, there) && within(shape.rings, point)).sort((a, b) => area(a) - area(b));
}

function tell(pane, shapes) {
  pane.canvas.title = "";
  if (!shapes.length) return fill(pane.says);
  const tasks = shapes[0].tasks;
  return fill(pane.says, h("div", {}, chip(shapes[0].status), ` ${short(tasks.at(-1).id)}`, tasks.length > 1 ? ` and ${many(tasks.length - 1)} more` : ""));
}

function list(side, view) {
  const shape = view.chosen;
  if (!shape) return fill(side, nothing("Click a footprint to see its tasks."));
  const tasks = shape.tasks.toSorted((a, b) => (a.day < b.day ? -1 : 1));
  const newest = tasks.findLast((task) => task.status === "done");
  return fill(
    side,
    h("h2", {}, counted(tasks.length, "task"), " here"),
    newest && view.kept.of(newest.id, () => picture(newest.id, "", `${newest.id.split("/").at(-1)}, ${newest.day}`, view.signal)),
    tasks.slice(0, LISTED).map((task) => h("div", { class: "small wide" }, h("a", { href: links.task(task.id), title: task.id }, `${task.day} ${task.id.split("/").at(-1)}`), " ", chip(task.status))),
    tasks.length > LISTED && h("p", { class: "soft" }, `and ${many(tasks.length - LISTED)} later ones`),
  );
}

function drawLegend(legend, view) {
  const total = Object.values(view.counts).reduce((a, b) => a + b, 0);
  fill(
    legend,
    h("span", { class: "soft" }, counted(total, "task"), " in ", counted(view.shapes.length, "footprint")),
    URGENT.toReversed().filter((status) => view.counts[status]).map((status) => h("span", {}, chip(status), ` ${many(view.counts[status])}`)),
    h("span", { class: "soft" }, "dashed: the area asked for. Coasts: Natural Earth."),
  );
}
