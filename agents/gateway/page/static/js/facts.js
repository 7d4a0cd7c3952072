// SPDX-License-Identifier: Apache-2.0
// Facts of an area, the newest first, with filters; each can be read whole.

import { get, patiently, url } from "./api.js";
import { ask } from "./dialog.js";
import { fill, h, nothing, table, toast } from "./dom.js";
import { instant, links, many, short } from "./format.js";

const LIMIT = 40;

/** A list of facts, the newest before a place first. */
export class Facts {
  constructor(area, signal) {
    Object.assign(this, { area, signal });
    this.before = null;
    this.type = h("select", { onchange: () => this.show() }, h("option", { value: "" }, "any"));
    this.text = h("input", { type: "search", placeholder: "task, message, reason", onchange: () => this.show() });
    this.list = h("div");
    this.element = h("div", { class: "card" }, h("h2", {}, "Facts"), h("div", { class: "filters" }, h("label", {}, "Type", this.type), h("label", {}, "Text", this.text)), this.list);
  }

  /** Let one of these types be chosen. */
  offer(types) {
    this.type.append(...types.map((type) => h("option", { value: type }, type)));
  }

  /** The newest ones before a place; null: the newest of all. */
  async show(before = this.before) {
    this.before = before;
    await this.#page(before, []);
  }

  async #page(before, trail) {
    const query = { type: this.type.value, text: this.text.value, before, limit: LIMIT };
    this.turn = (this.turn ?? 0) + 1;
    const { turn } = this;
    const { facts, next } = await patiently(url(["areas", this.area, "facts"], query), () => {}, this.signal);
    // A later question was answered before this one.
    if (turn !== this.turn) return;
    const rows = facts.map((fact) => [
      ["number", h("button", { type: "button", "aria-label": `Read fact ${fact.place}`, onclick: () => this.#read(fact) }, many(fact.place))],
      ["soft", instant(fact.time)],
      fact.type,
      fact.task && h("a", { href: links.task(fact.task, { at: fact.place }) }, short(fact.task)),
      ["", h("div", { class: "clip soft", title: fact.brief }, fact.brief)],
    ]);
    fill(
      this.list,
      rows.length ? table([["number", "Place"], "Time", "Type", "Task", "Says"], rows, { label: "Facts" }) : nothing("No fact like that."),
      h(
        "div",
        { class: "acts" },
        trail.length > 0 && h("button", { type: "button", onclick: () => this.#page(trail.at(-1), trail.slice(0, -1)) }, "← Later"),
        next && h("button", { type: "button", onclick: () => this.#page(next, [...trail, before]) }, "Earlier →"),
      ),
    );
  }

  async #read(fact) {
    try {
      const whole = await get(url(["areas", this.area, "facts", String(fact.place)]), { signal: this.signal });
      await ask({ title: fact.type, body: h("pre", { tabindex: "0" }, h("code", {}, JSON.stringify(whole, null, 2))), act: "Close" });
    } catch (error) {
      toast(error.message, true);
    }
  }
}
