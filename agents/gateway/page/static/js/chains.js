// SPDX-License-Identifier: Apache-2.0
// Chains: a row for each place, a column for each date, a square for each tile. A line
// above squares is a link that leaves some out: a tile was built past them.

import { rows } from "./api.js";
import { chip, fill, h, nothing } from "./dom.js";
import { counted, dayOf, links, many, short, URGENT } from "./format.js";
import { following } from "./live.js";
import { Pane } from "./pane.js";
import { When } from "./when.js";

// Tiles of the first page, which is drawn at once, and of those after it.
const PAGES = [2500, 10_000];
const LABELS_PX = 110;
const DATES_PX = 64;

/** The tab. */
export async function show(root, area, query, signal) {
  let wanted = query.get("tile");
  const view = { rows: [], board: board([], null), chosen: null, past: null };
  const legend = h("div", { class: "legend" });
  const pane = new Pane({
    label: `Chains of ${area}: places in rows, dates in columns. Arrows go from tile to tile, Enter opens one.`,
    draw: (context) => draw(context, pane, view),
    hover: (point) => choose(tileAt(view.board, point)),
    leave: () => {},
    click: (point) => {
      const tile = tileAt(view.board, point);
      if (tile) location.hash = links.task(tile.id);
    },
    key: (event) => key(event, view, pane, choose),
    minK: 2,
    maxK: 60,
    signal,
  });
  pane.moved = () => bound(pane, view.board);
  const choose = (tile) => {
    if (tile === view.chosen) return;
    view.chosen = tile;
    tell(pane, view);
    pane.ask();
  };
  const update = () => {
    const id = view.chosen?.id;
    view.board = board(view.rows, view.past);
    view.chosen = id ? (view.board.byId.get(id) ?? null) : null;
    drawLegend(legend, view.board);
    pane.ask();
  };
  const when = new When(area, signal, (instant) => {
    view.past = instant && new Map(instant.tasks.map((row) => [row[0], row]));
    update();
  });
  const fit = () => {
    const { dates, cells } = view.board;
    const [wide, high] = [(pane.width - LABELS_PX - 60) / Math.max(dates.length, 1), (pane.height - DATES_PX - 12) / Math.max(cells.length, 1)];
    pane.k = Math.max(Math.min(wide, Math.max(high, 20), 34), 5);
    pane.x = -LABELS_PX / pane.k;
    pane.y = -DATES_PX / pane.k;
    pane.ask();
  };
  // The first tiles say how large each is: those that come later move nothing.
  const settle = () => {
    if (!pane.k && view.rows.length) fit();
    const tile = view.board.byId.get(wanted);
    if (!tile) return;
    wanted = null;
    choose(tile);
    bring(pane, tile);
  };
  let first = true;
  const refresh = async () => {
    const use = (found) => {
      view.rows = found;
      update();
      pane.whenSized(settle);
    };
    use(await rows(["areas", area, "grid"], {}, PAGES, first ? use : () => {}, signal));
    first = false;
    if (!view.rows.length) fill(legend, nothing("No chains: each tile stands alone, or none is known yet."));
  };
  fill(root, h("div", { class: "filters" }, h("div", { class: "acts" }, when.button)), when.element, pane.element, legend);
  await following(signal, refresh);
}

/** Rows of the API as a board of tiles. */
function board(rows, past) {
  const days = [...new Set(rows.map((row) => dayOf(row[2])))].sort();
  const column = new Map(days.map((day, number) => [day, number]));
  const row = new Map();
  const cells = [];
  const byId = new Map();
  const counts = {};
  for (const [id, cell, acquired, nowStatus, nowAttempt, nowPrevious, nowReference] of rows) {
    let [status, attempt, previous, reference] = [nowStatus, nowAttempt, nowPrevious, nowReference];
    if (past) {
      const then = past.get(id);
      if (!then) continue;
      [, status, attempt, previous, reference] = then;
    }
    if (!row.has(cell)) {
      row.set(cell, cells.length);
      cells.push({ cell, tiles: [] });
    }
    const day = dayOf(acquired);
    const tile = { id, cell, day, status, attempt, previous, reference, x: column.get(day), y: row.get(cell) };
    byId.set(id, tile);
    cells[tile.y].tiles.push(tile);
    counts[status] = (counts[status] ?? 0) + 1;
  }
  let relinked = 0;
  for (const { tiles } of cells) {
    tiles.forEach((tile, number) => {
      const before = tiles[number - 1];
      tile.past = Boolean(tile.previous) && Boolean(before) && tile.previous !== before.id && byId.has(tile.previous);
      relinked += tile.past;
    });
  }
  return { dates: days, cells, byId, counts, relinked };
}

const tileAt = (found, [x, y]) => found.cells[Math.floor(y)]?.tiles.findLast((tile) => tile.x === Math.floor(x)) ?? null;

function bound(pane, { dates, cells }) {
  const most = (count, size, margin) => Math.max(count - (size - margin) / pane.k, 0) + 2;
  pane.x = Math.min(Math.max(pane.x, -LABELS_PX / pane.k), most(dates.length, pane.width, 0));
  pane.y = Math.min(Math.max(pane.y, -DATES_PX / pane.k), most(cells.length, pane.height, 0));
}

function draw(context, pane, { board: found, chosen }) {
  const { k } = pane;
  const gap = k > 8 ? 1.5 : k > 4 ? 0.6 : 0;
  const [left, top] = pane.point(LABELS_PX, DATES_PX).map(Math.floor);
  const [right, bottom] = pane.point(pane.width, pane.height).map(Math.ceil);
  const batches = Object.fromEntries(URGENT.map((status) => [status, []]));
  const past = [];
  for (const { tiles } of found.cells.slice(Math.max(top, 0), Math.max(bottom, 0))) {
    for (const tile of tiles) {
      if (tile.x < left || tile.x > right) continue;
      batches[tile.status]?.push(tile);
      if (tile.past) past.push(tile);
    }
  }
  for (const status of URGENT) {
    context.fillStyle = pane.colour(status);
    context.globalAlpha = status === "new" ? 0.35 : 0.92;
    for (const tile of batches[status]) {
      const [px, py] = pane.at(tile.x, tile.y);
      context.fillRect(px + gap, py + gap, k - 2 * gap, k - 2 * gap);
      if (k >= 13 && (status === "failed" || status === "retry")) {
        // Not by colour alone.
        context.fillStyle = pane.colour("card");
        context.font = `bold ${k * 0.55}px system-ui, sans-serif`;
        context.textAlign = "center";
        context.fillText(status === "failed" ? "✕" : "▲", px + k / 2, py + k * 0.7);
        context.fillStyle = pane.colour(status);
      }
    }
  }
  context.globalAlpha = 1;
  context.textAlign = "left";
  context.strokeStyle = pane.colour("ink");
  context.lineWidth = 1.3;
  for (const tile of past) link(context, pane, found.byId.get(tile.previous), tile);
  if (chosen) drawChosen(context, pane, found, chosen);
  labels(context, pane, found, [left, top, right, bottom]);
}

/** A link over the squares between. */
function link(context, pane, from, to) {
  const { k } = pane;
  const [x1, y1] = pane.at(from.x + 0.5, from.y);
  const [x2] = pane.at(to.x + 0.5, to.y);
  context.beginPath();
  context.moveTo(x1, y1 + k * 0.3);
  context.bezierCurveTo(x1, y1 - k * 0.35, x2, y1 - k * 0.35, x2, y1 + k * 0.3);
  context.stroke();
}

function drawChosen(context, pane, found, tile) {
  const { k } = pane;
  const frame = (one, colour, dash = []) => {
    context.setLineDash(dash);
    context.strokeStyle = pane.colour(colour);
    context.lineWidth = 2.5;
    context.strokeRect(...pane.at(one.x, one.y), k, k);
    context.setLineDash([]);
  };
  const previous = found.byId.get(tile.previous);
  const reference = found.byId.get(tile.reference);
  context.lineWidth = 2;
  if (reference) frame(reference, "retry", [4, 3]);
  if (previous) {
    frame(previous, "accent");
    context.strokeStyle = pane.colour("accent");
    link(context, pane, previous, tile);
  }
  frame(tile, "ink");
}

function labels(context, pane, { cells, dates }, [left, top, right, bottom]) {
  const { k } = pane;
  context.fillStyle = pane.colour("card");
  context.fillRect(0, 0, LABELS_PX - 6, pane.height);
  context.fillRect(0, 0, pane.width, DATES_PX - 4);
  context.fillStyle = pane.colour("soft");
  context.font = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
  const everyRow = Math.ceil(13 / k);
  for (let y = Math.max(top, 0); y < Math.min(bottom, cells.length); y += 1) {
    const [, py] = pane.at(0, y + 0.5);
    if (y % everyRow === 0 && py > DATES_PX) context.fillText(cells[y].cell.slice(0, 15), 6, py + 4, LABELS_PX - 14);
  }
  const everyDay = Math.ceil(14 / k);
  for (let x = Math.max(left, 0); x < Math.min(right, dates.length); x += 1) {
    const [px] = pane.at(x + 0.5, 0);
    if (x % everyDay || px < LABELS_PX) continue;
    context.save();
    context.translate(px + 4, DATES_PX - 8);
    context.rotate(-Math.PI / 3);
    context.fillText(dates[x].slice(2), 0, 0);
    context.restore();
  }
}

function tell(pane, { chosen, board: found }) {
  if (!chosen) return fill(pane.says);
  const dated = (id) => {
    const other = found.byId.get(id);
    return other ? `${other.day} (${other.status})` : id ? short(id) : "none";
  };
  return fill(
    pane.says,
    h("div", {}, chip(chosen.status), ` ${chosen.cell} ${chosen.day}, attempt ${chosen.attempt}`, h("br"), h("span", { class: "soft" }, `previous ${dated(chosen.previous)}, reference ${dated(chosen.reference)}`)),
  );
}

/** Arrows go from tile to tile. */
function key(event, view, pane, choose) {
  const { cells } = view.board;
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key === "Enter" && view.chosen) {
    location.hash = links.task(view.chosen.id);
    return true;
  }
  const step = steps[event.key];
  if (!step || !cells.length) return false;
  const now = view.chosen;
  let next = cells[0].tiles[0];
  if (now && step[0]) {
    const { tiles } = cells[now.y];
    next = tiles[tiles.indexOf(now) + step[0]] ?? now;
  } else if (now) {
    const { tiles } = cells[now.y + step[1]] ?? cells[now.y];
    next = tiles.reduce((best, one) => (Math.abs(one.x - now.x) < Math.abs(best.x - now.x) ? one : best));
  }
  choose(next);
  bring(pane, next);
  return true;
}

/** Move the board until a tile is seen. */
function bring(pane, { x, y }) {
  const [px, py] = pane.at(x, y);
  if (px < LABELS_PX) pane.pan(LABELS_PX - px, 0);
  if (py < DATES_PX) pane.pan(0, DATES_PX - py);
  if (px > pane.width - pane.k) pane.pan(pane.width - pane.k - px, 0);
  if (py > pane.height - pane.k) pane.pan(0, pane.height - pane.k - py);
}

function drawLegend(legend, { counts, cells, dates, relinked }) {
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  fill(
    legend,
    h("span", { class: "soft" }, `${counted(cells.length, "chain")}, ${counted(dates.length, "date")}, ${counted(total, "tile")}`),
    URGENT.toReversed().filter((status) => counts[status]).map((status) => h("span", {}, chip(status), ` ${many(counts[status])}`)),
    relinked > 0 && h("span", {}, `⌒ ${many(relinked)} built past a tile`),
  );
}
