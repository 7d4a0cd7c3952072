// SPDX-License-Identifier: Apache-2.0
// A canvas that is panned and zoomed by mouse, fingers and keys; it draws when asked.

import { h } from "./dom.js";

const STEP_PX = 60;

/** A picture over a plane: `at` tells where the plane's point is on the screen. */
export class Pane {
  x = 0;
  y = 0;
  // Pixels for one of the plane; 0 until somebody says what to show: nothing is drawn.
  k = 0;
  width = 1;
  height = 1;
  #colours = new Map();

  /** `draw(context, pane)`; `hover(point)` and `click(point)` get points of the plane. */
  constructor({ label, draw, hover, click, leave, key, minK = 0.01, maxK = 1e9, signal }) {
    this.canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": label });
    this.says = h("div", { class: "says", "aria-live": "polite" });
    this.element = h(
      "div",
      { class: "picture" },
      this.canvas,
      h("div", { class: "zoom" }, h("button", { type: "button", "aria-label": "Nearer", onclick: () => this.zoom(1.6) }, "+"), h("button", { type: "button", "aria-label": "Farther", onclick: () => this.zoom(1 / 1.6) }, "−")),
      this.says,
    );
    Object.assign(this, { draw, hover, click, leave, key, minK, maxK });
    this.moved = () => {};
    this.#listen(signal);
  }

  /** Draw with the next frame. */
  ask() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = null;
      const ratio = devicePixelRatio || 1;
      const context = this.canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, this.width, this.height);
      if (this.k) this.draw(context, this);
    });
  }

  /** Where a point of the plane is on the screen. */
  at(x, y) {
    return [(x - this.x) * this.k, (y - this.y) * this.k];
  }

  /** Which point of the plane is there on the screen. */
  point(px, py) {
    return [px / this.k + this.x, py / this.k + this.y];
  }

  /** Show this box of the plane whole. */
  fit([left, top, right, bottom], margin = 0.08) {
    const wide = Math.max(right - left, 1e-9);
    const high = Math.max(bottom - top, 1e-9);
    this.k = this.#bounded(Math.min(this.width / wide, this.height / high) * (1 - 2 * margin));
    this.x = (left + right) / 2 - this.width / this.k / 2;
    this.y = (top + bottom) / 2 - this.height / this.k / 2;
    this.ask();
  }

  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.point(px, py);
    this.k = this.#bounded(this.k * factor);
    this.x = x - px / this.k;
    this.y = y - py / this.k;
    this.#change();
  }

  pan(dx, dy) {
    this.x -= dx / this.k;
    this.y -= dy / this.k;
    this.#change();
  }

  /** A colour of the theme. */
  colour(name) {
    let found = this.#colours.get(name);
    if (found === undefined) {
      found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      this.#colours.set(name, found);
    }
    return found;
  }

  #bounded(k) {
    return Math.min(Math.max(k, this.minK), this.maxK);
  }

  #change() {
    this.moved();
    this.ask();
  }

  #listen(signal) {
    const { canvas } = this;
    const fingers = new Map();
    let travelled = 0;
    const place = (event) => [event.offsetX, event.offsetY];
    const listen = (type, call, options = {}) => canvas.addEventListener(type, (event) => this.k && call(event), { signal, ...options });
    listen("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      travelled = 0;
    });
    listen("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      const now = place(event);
      if (!before) {
        this.hover?.(this.point(...now), now);
        return;
      }
      const others = [...fingers.entries()].filter(([id]) => id !== event.pointerId);
      if (others.length) {
        const other = others[0][1];
        const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
        this.zoom(far(now, other) / far(before, other), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      }
      const share = others.length ? 0.5 : 1;
      travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (travelled > 4) this.pan((now[0] - before[0]) * share, (now[1] - before[1]) * share);
      fingers.set(event.pointerId, now);
    });
    listen("pointerup", (event) => {
      fingers.delete(event.pointerId);
      if (travelled <= 4) this.click?.(this.point(...place(event)), place(event));
    });
    listen("pointercancel", (event) => fingers.delete(event.pointerId));
    listen("pointerleave", () => this.leave?.());
    listen("wheel", (event) => {
      event.preventDefault();
      this.zoom(1.0015 ** -event.deltaY, ...place(event));
    }, { passive: false });
    listen("keydown", (event) => {
      if (this.key?.(event)) {
        event.preventDefault();
        return;
      }
      const moves = { ArrowLeft: [STEP_PX, 0], ArrowRight: [-STEP_PX, 0], ArrowUp: [0, STEP_PX], ArrowDown: [0, -STEP_PX] };
      if (moves[event.key]) this.pan(...moves[event.key]);
      else if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-") this.zoom(1 / 1.4);
      else return;
      event.preventDefault();
    });
    const coloured = () => {
      this.#colours.clear();
      this.ask();
    };
    window.addEventListener("theme", coloured, { signal });
    const sized = new ResizeObserver(() => {
      const ratio = devicePixelRatio || 1;
      this.width = canvas.clientWidth || 1;
      this.height = canvas.clientHeight || 1;
      canvas.width = Math.round(this.width * ratio);
      canvas.height = Math.round(this.height * ratio);
      this.resized?.();
      this.resized = null;
      this.ask();
    });
    sized.observe(canvas);
    signal.addEventListener("abort", () => sized.disconnect());
  }

  /** Do this once the size is known. */
  whenSized(call) {
    if (this.width > 1) call();
    else this.resized = call;
  }
}
