// SPDX-License-Identifier: Apache-2.0
// The area on a map: what a file says, or what is drawn by clicks; what a plan found.

import { fill, h } from "./dom.js";
import { boxOf, degrees, middle, near, ringsOfGeoJson, trace } from "./geo.js";
import { Ground } from "./ground.js";
import { Pane } from "./pane.js";

const EUROPE = [0.47, 0.27, 0.6, 0.38];

/** A map to draw on; `changed(geometry)` hears of every new polygon. */
export class Drawing {
  geometry = null;
  found = [];
  #points = [];

  constructor(signal, changed) {
    this.changed = changed;
    this.pane = new Pane({
      label: "Map of the area. Draw by clicks, or type corners beside it.",
      draw: (context) => this.#draw(context),
      click: (point) => this.#add(point),
      minK: 200,
      maxK: 3e8,
      signal,
    });
    this.pane.element.classList.add("small", "draw");
    this.ground = new Ground(this.pane);
    this.pane.whenSized(() => this.pane.fit(EUROPE));
    this.acts = h("div", { class: "acts" });
    this.#drawActs();
  }

  /** Show an area that came from elsewhere. */
  set(geometry) {
    this.geometry = geometry;
    this.#points = [];
    const rings = ringsOfGeoJson(geometry);
    if (rings.length) this.pane.whenSized(() => this.pane.fit(boxOf(rings), 0.2));
    this.#drawActs();
    this.pane.ask();
  }

  /** Show footprints that were found. */
  show(features) {
    const [first] = ringsOfGeoJson(this.geometry);
    this.found = features.map((one) => ringsOfGeoJson(one.geometry)).flatMap((rings) => (first ? near(rings, middle(first)) : rings));
    this.pane.ask();
  }

  #add(point) {
    this.#points.push(degrees(...point).map((one) => Number(one.toFixed(5))));
    this.#drawActs();
    this.pane.ask();
  }

  #close() {
    const ring = [...this.#points, this.#points[0]];
    this.geometry = { type: "Polygon", coordinates: [ring] };
    this.#points = [];
    this.#drawActs();
    this.pane.ask();
    this.changed(this.geometry);
  }

  #drawActs() {
    const some = this.#points.length;
    fill(
      this.acts,
      h("span", { class: "small soft", role: "status" }, some ? `${some} corners` : "Click corners on the map to draw."),
      some > 2 && h("button", { type: "button", onclick: () => this.#close() }, "Close the polygon"),
      some > 0 && h("button", { type: "button", onclick: () => ((this.#points = []), this.#drawActs(), this.pane.ask()) }, "Start again"),
    );
  }

  #draw(context) {
    const { pane } = this;
    this.ground.draw(context);
    context.beginPath();
    trace(context, pane, this.found);
    context.strokeStyle = pane.colour("pending");
    context.lineWidth = 1;
    context.stroke();
    context.beginPath();
    trace(context, pane, ringsOfGeoJson(this.geometry));
    context.fillStyle = context.strokeStyle = pane.colour("accent");
    context.globalAlpha = 0.15;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.stroke();
    if (!this.#points.length) return;
    const drawn = ringsOfGeoJson({ type: "Polygon", coordinates: [this.#points] });
    context.beginPath();
    trace(context, pane, drawn);
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
    for (const point of drawn[0]) {
      const [px, py] = pane.at(...point);
      context.fillRect(px - 4, py - 4, 8, 8);
    }
  }
}
