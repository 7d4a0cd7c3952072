// SPDX-License-Identifier: Apache-2.0
// One dialog: a title, a body, a button that does it and one that does not.

import { fill, h } from "./dom.js";

const dialog = document.getElementById("dialog");

/** Show it; true when it was confirmed. */
export function ask({ title, body, act, danger = false }) {
  return new Promise((answered) => {
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialog-title" }, title),
      body,
      h(
        "div",
        { class: "acts" },
        h("button", { type: "button", onclick: () => dialog.close("") }, "Cancel"),
        h("button", { class: danger ? "bad-act" : "main-act", value: "yes" }, act),
      ),
    );
    fill(dialog, form);
    dialog.returnValue = "";
    dialog.addEventListener("close", () => answered(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
    form.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  });
}
