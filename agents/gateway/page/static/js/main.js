// SPDX-License-Identifier: Apache-2.0
// The frame: which view is shown, whether it is fresh, who looks, light or dark.

import { fill, h, problem } from "./dom.js";
import { live } from "./live.js";
import { identify } from "./session.js";

const main = document.getElementById("main");

const VIEWS = {
  "": () => import("./areas.js"),
  area: async ([, tab]) => {
    const view = await import("./area.js");
    await view.load(tab);
    return view;
  },
  task: () => import("./task.js"),
  machinery: () => import("./machinery.js"),
  new: () => import("./create.js"),
  search: () => import("./search.js"),
};

let shown = new AbortController();
let place = "";

/** The address as parts and parameters. */
function address() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").map(decodeURIComponent), query: new URLSearchParams(query) };
}

async function show() {
  const { parts, query } = address();
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  const here = parts.slice(0, 2).join("/");
  const same = here === place;
  place = here;
  for (const link of document.querySelectorAll(".top nav a")) {
    const at = link.getAttribute("href").replace(/^#\/?/, "");
    if (at === parts[0] || (at === "" && ["area", "task"].includes(parts[0]))) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const find = VIEWS[parts[0]];
  if (!find) {
    fill(main, problem(`There is no page '${parts[0]}'.`), h("a", { href: "#/" }, "All areas"));
    return;
  }
  try {
    const view = await find(parts.slice(1));
    if (signal.aborted) return;
    if (!same) {
      fill(main, h("p", { class: "soft", role: "status" }, "…"));
      window.scrollTo(0, 0);
    }
    await view.show(main, parts.slice(1), query, signal);
    if (!same && !signal.aborted) main.focus({ preventScroll: true });
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted || error.status === 401) return;
    fill(main, problem(error), h("p", {}, h("a", { href: "#/" }, "All areas")));
    // What is not there may come; what did not answer may be back.
    live.addEventListener("moved", show, { once: true, signal });
  }
}

function showState() {
  const badge = document.getElementById("live");
  const lost = document.getElementById("lost");
  const at = live.heardAt ? live.heardAt.toISOString().slice(11, 19) : "";
  if (badge.dataset.state !== live.state) {
    badge.dataset.state = live.state;
    badge.textContent = { live: "live", lost: "lost", connecting: "connecting" }[live.state];
  }
  badge.title = at ? `Heard at ${at}Z` : "";
  const isLost = live.state === "lost" && document.body.dataset.role !== undefined;
  const words = isLost ? `Connection lost. What you see is as it was${at ? ` at ${at}Z` : ""}; trying again.` : live.trouble && `Not up to date: ${live.trouble}. What you see may be older; trying again.`;
  if (lost.textContent !== words) {
    lost.hidden = !words;
    lost.textContent = words;
  }
  document.body.toggleAttribute("data-stale", Boolean(words));
}

function theme(word) {
  document.documentElement.dataset.theme = word;
  window.dispatchEvent(new Event("theme"));
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const chosen = () => localStorage.getItem("ingester-theme");
theme(chosen() ?? (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => chosen() ?? theme(dark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("ingester-theme", next);
  theme(next);
});
document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = event.target.querySelector("input").value.trim();
  if (wanted) location.hash = `#/search?${new URLSearchParams({ product: wanted })}`;
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea, select")) {
    event.preventDefault();
    document.querySelector("#find input").focus();
  }
});

live.addEventListener("state", showState);
window.addEventListener("hashchange", show);
// The view's modules come while we hear who asks; `show` says what is wrong with them.
const { parts: [first, ...rest] } = address();
VIEWS[first]?.(rest).catch(() => {});
identify((error) => fill(main, problem(error), h("p", { class: "soft" }, "Trying again.")))
  // Without a token that is known nothing is shown: the gate asks for one.
  .then(show, () => {})
  .finally(() => live.run());
