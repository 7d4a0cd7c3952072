// SPDX-License-Identifier: Apache-2.0
// The line of time: the log of an area from its first fact to its last, and a place on it.

import { patiently, url } from "./api.js";
import { fill, h, problem } from "./dom.js";
import { counted, instant, many } from "./format.js";

const SOON_MS = 120;

/**
 * A slider over the log; `changed(instant)` gets how the area stood, null for now.
 * Without `tasks` it hears of the area alone, which is sooner there.
 */
export class When {
  place = null;

  constructor(area, signal, changed, { open = false, place = null, tasks = true, label = "Place in the log" } = {}) {
    Object.assign(this, { area, signal, changed, label, place, tasks });
    this.element = h("div", { class: "card when", hidden: !open });
    this.button = h("button", { type: "button", "aria-expanded": String(open), onclick: () => this.toggle() }, open ? "Back to now" : "Go back in time");
    if (open) this.open();
  }

  toggle() {
    const opens = this.element.hidden;
    this.element.hidden = !opens;
    this.button.setAttribute("aria-expanded", String(opens));
    this.button.textContent = opens ? "Back to now" : "Go back in time";
    if (opens) this.open();
    else {
      // What is still being read is of no use any more.
      this.closed.abort();
      this.place = null;
      this.changed(null);
    }
  }

  async open() {
    this.closed = new AbortController();
    const signal = AbortSignal.any([this.signal, this.closed.signal]);
    const reading = h("p", { class: "soft", role: "status" }, "reading the log…");
    fill(this.element, reading);
    try {
      this.history = await patiently(url(["areas", this.area, "history"]), ({ read, total }) => total && (reading.textContent = `reading the log: ${many(read)} of ${many(total)} records`), signal);
      this.#draw(signal);
      await this.#look(this.place ?? this.history.facts, signal);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.element, problem(error));
    }
  }

  /** Look at a place; while it is dragged, at where it rests. */
  async #go(place, signal) {
    try {
      await this.#look(place, signal, SOON_MS);
    } catch (error) {
      if (error.name !== "AbortError") this.said.textContent = error.message;
    }
  }

  async #look(place, signal, soon = 0) {
    const wanted = (this.place = Math.min(Math.max(place, 0), this.history.facts));
    this.slider.value = String(wanted);
    this.#mark();
    clearTimeout(this.timer);
    await new Promise((done) => (this.timer = setTimeout(done, soon)));
    const found = await patiently(url(["areas", this.area, "history", "at"], { place: wanted, tasks: this.tasks }), () => {}, signal);
    if (wanted !== this.place) return;
    this.said.textContent = `after ${counted(found.place, "fact")} of ${many(this.history.facts)}, ${found.at ? instant(found.at) : "before the first"}`;
    this.slider.setAttribute("aria-valuetext", this.said.textContent);
    this.changed(found);
  }

  #draw(signal) {
    const { facts } = this.history;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.slider = h("input", { type: "range", min: "0", max: String(facts), value: String(facts), "aria-label": this.label, oninput: () => this.#go(Number(this.slider.value), signal) });
    this.said = h("span", { role: "status" });
    const step = (words, name, by) => h("button", { type: "button", "aria-label": name, onclick: () => this.#go(this.place + by, signal) }, words);
    fill(this.element, this.canvas, this.slider, h("div", { class: "acts" }, this.said, h("div", { class: "acts" }, step("−1", "One fact earlier", -1), step("+1", "One fact later", 1))));
    new ResizeObserver(() => this.#mark()).observe(this.canvas);
    window.addEventListener("theme", () => this.#mark(), { signal });
  }

  /** What happened along the line: done above, failures below, wishes as dots. */
  #mark() {
    const ratio = devicePixelRatio || 1;
    const width = this.canvas.clientWidth || 1;
    const height = this.canvas.clientHeight || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    const { marks, facts } = this.history;
    let left = 0;
    for (const mark of marks) {
      const right = (mark.place / facts) * width;
      const part = (count, name, from) => {
        const high = Math.min(count / mark.facts, 1) * (height * 0.6);
        context.fillStyle = colour(name);
        context.fillRect(left, from - high, Math.max(right - left - 1, 1), high);
        return from - high;
      };
      const top = part(mark.done, "done", height - 4);
      part(mark.failed, "failed", top);
      if (mark.asked) {
        context.fillStyle = colour("accent");
        context.beginPath();
        context.arc((left + right) / 2, 6, 3, 0, 7);
        context.fill();
      }
      left = right;
    }
    context.fillStyle = colour("ink");
    context.fillRect((this.place / facts) * (width - 2), 0, 2, height);
  }
}
