// SPDX-License-Identifier: Apache-2.0
// What lies under footprints: sea, land, a grid of degrees; map tiles when they are set.

import { degrees, land, meets, plane, trace } from "./geo.js";
import { session } from "./session.js";

const TILE_PX = 256;
const DEEPEST = 19;

/** Draws the ground of a pane. */
export class Ground {
  #coasts = [];
  #tiles = new Map();
  withTiles = false;

  constructor(pane) {
    this.pane = pane;
    land().then((found) => {
      this.#coasts = found;
      pane.ask();
    });
  }

  draw(context) {
    const { pane } = this;
    context.fillStyle = pane.colour("sea");
    context.fillRect(0, 0, pane.width, pane.height);
    const view = [...pane.point(0, 0), ...pane.point(pane.width, pane.height)];
    context.beginPath();
    for (const turn of [-1, 0, 1]) {
      for (const { rings, box } of this.#coasts) {
        if (!meets([box[0] + turn, box[1], box[2] + turn, box[3]], view)) continue;
        trace(context, turn ? shifted(pane, turn) : pane, rings);
      }
    }
    context.fillStyle = pane.colour("land");
    context.fill("evenodd");
    context.strokeStyle = pane.colour("line");
    context.lineWidth = 1;
    context.stroke();
    if (this.withTiles && session.basemap) this.#drawTiles(context, view);
    this.#drawGrid(context, view);
  }

  #drawGrid(context, view) {
    const { pane } = this;
    const [west, north] = degrees(view[0], Math.max(view[1], 0));
    const [east, south] = degrees(view[2], Math.min(view[3], 1));
    const wanted = ((east - west) / pane.width) * 130;
    const step = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 45].find((one) => one >= wanted) ?? 90;
    context.strokeStyle = pane.colour("line");
    context.fillStyle = pane.colour("soft");
    context.globalAlpha = 0.8;
    context.lineWidth = 0.5;
    context.font = "11px system-ui, sans-serif";
    context.beginPath();
    for (let x = Math.ceil(west / step) * step; x <= east; x += step) {
      const [px] = pane.at(...plane(x, 0));
      context.moveTo(px, 0);
      context.lineTo(px, pane.height);
      context.fillText(`${written(x)}°`, px + 3, 12);
    }
    for (let y = Math.ceil(south / step) * step; y <= north; y += step) {
      const [, py] = pane.at(...plane(0, y));
      context.moveTo(0, py);
      context.lineTo(pane.width, py);
      context.fillText(`${written(y)}°`, 4, py - 3);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  #drawTiles(context, view) {
    const { pane } = this;
    const depth = Math.min(Math.max(Math.round(Math.log2(pane.k / TILE_PX)), 0), DEEPEST);
    const many = 2 ** depth;
    const side = pane.k / many;
    for (let x = Math.floor(view[0] * many); x <= view[2] * many; x += 1) {
      for (let y = Math.max(Math.floor(view[1] * many), 0); y <= Math.min(view[3] * many, many - 1); y += 1) {
        const image = this.#tile(depth, ((x % many) + many) % many, y);
        if (!image.complete || !image.naturalWidth) continue;
        const [px, py] = pane.at(x / many, y / many);
        context.drawImage(image, px, py, side + 0.5, side + 0.5);
      }
    }
  }

  #tile(z, x, y) {
    const address = session.basemap.replace("{z}", z).replace("{x}", x).replace("{y}", y);
    let image = this.#tiles.get(address);
    if (!image) {
      image = new Image();
      image.onload = () => this.pane.ask();
      image.src = address;
      this.#tiles.set(address, image);
    }
    return image;
  }
}

const written = (number) => String(Math.round(number * 100) / 100);

const shifted = ({ x, y, k }, turn) => ({ x: x - turn, y, k });
