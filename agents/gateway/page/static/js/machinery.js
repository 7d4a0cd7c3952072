// SPDX-License-Identifier: Apache-2.0
// What runs behind the areas: workers, groups, topics, providers, dead letters.

import { get, post, url } from "./api.js";
import { ask } from "./dialog.js";
import { chip, fill, h, nothing, problem, table, toast } from "./dom.js";
import { areaOf, between, bytes, counted, instant, lasting, links, many, short } from "./format.js";
import { following } from "./live.js";
import { briefly } from "./results.js";
import { may } from "./session.js";

/** The page. */
export async function show(root, _parts, _query, signal) {
  document.title = "Workers · Ingester";
  const parts = { workers: drawWorkers, groups: drawGroups, providers: drawProviders, "dead-letters": drawLetters, topics: drawTopics };
  const cards = Object.fromEntries(Object.keys(parts).map((name) => [name, h("section", { class: "card" })]));
  fill(root, h("div", { class: "head" }, h("h1", {}, "Workers and topics")), Object.values(cards));
  await following(signal, () =>
    Promise.all(
      Object.entries(parts).map(async ([name, draw]) => {
        try {
          fill(cards[name], draw(await get(`/${name}`, { signal })));
        } catch (error) {
          if (error.name === "AbortError") throw error;
          fill(cards[name], h("h2", {}, name), problem(error));
        }
      }),
    ),
  );
}

function drawWorkers({ running, waiting }) {
  return [
    h("h2", {}, "What runs"),
    running.length
      ? table(
          ["Worker", "Task", "Area", ["number", "Attempt"], "Step", ["number", "For"]],
          running.map((one) => [one.worker, h("a", { href: links.task(one.id) }, short(one.id)), h("a", { href: links.area(areaOf(one.id)) }, one.area), ["number", one.attempt], ["soft", briefly(one.progress)], ["number", lasting(between(one.started_at, new Date()))]]),
          { label: "What runs" },
        )
      : nothing("No worker is busy."),
    waiting.length > 0 && [
      h("h3", { class: "gap" }, "Ordered, and begun by nobody"),
      h("div", { class: "counts" }, waiting.map((one) => h("a", { href: links.area(one.area, "tasks", { status: "pending", kind: one.kind }) }, `${one.area}: ${counted(one.tasks, one.kind.toLowerCase(), one.kind === "PROCESS" ? "processes" : "downloads")}`))),
    ],
  ];
}

function drawGroups(groups) {
  return [
    h("h2", {}, "Groups"),
    groups.length
      ? table(
          ["Group", "State", "Members", "Behind on"],
          groups.map((group) => [
            group.name,
            chip(group.members.length ? "running" : "failed"),
            group.members.length ? h("details", {}, h("summary", {}, many(group.members.length)), group.members.map((m) => h("div", { class: "small wide" }, `${m.client} at ${m.host}: ${counted(m.partitions, "partition")}`))) : "none: nobody does this work",
            ["wide", group.lags.filter((one) => one.lag > 0).map((one) => `${one.topic.replace("ingester.", "")}: ${many(one.lag)}`).join(", ") || "nothing"],
          ]),
          { label: "Groups" },
        )
      : nothing("No group yet."),
  ];
}

function drawProviders(providers) {
  return [
    h("h2", {}, "Providers in the last day"),
    providers.length
      ? table(
          ["Provider", ["number", "Tries"], ["number", "Delivered"], ["number", "Bytes"], ["number", "Rate"], "Last"],
          providers.map((one) => [one.provider, ["number", many(one.tries)], ["number", `${Math.round((100 * one.delivered) / one.tries)} %`], ["number", bytes(one.size_bytes)], ["number", one.duration_s > 0 && one.size_bytes > 0 ? `${bytes(Math.round(one.size_bytes / one.duration_s))}/s` : ""], ["soft", instant(one.last_at)]]),
          { label: "Providers" },
        )
      : nothing("No provider was asked."),
  ];
}

function drawLetters({ letters }) {
  return [
    h("h2", {}, "Dead letters"),
    letters.length
      ? table(
          ["Place", "From", "Key", "Cause", "Says", "Acts"],
          letters.map((one) => [one.place, `${one.topic} ${one.partition}@${one.offset}`, ["wide", one.key], one.cause, ["wide soft", one.message.slice(0, 300)], h("div", { class: "acts" }, h("button", { type: "button", data: { keep: `see ${one.place}` }, onclick: () => see(one) }, "See"), may("operate") && h("button", { type: "button", data: { keep: one.place }, onclick: () => again(one) }, "Send again"))]),
          { label: "Dead letters" },
        )
      : nothing("None: everything could be handled."),
  ];
}

function see(letter) {
  return ask({ title: `Dead letter ${letter.place}`, body: h("pre", { tabindex: "0" }, h("code", {}, JSON.stringify(letter, null, 2))), act: "Close" });
}

async function again(letter) {
  const yes = await ask({ title: `Send ${letter.place} again?`, body: h("p", {}, `As it was, to ${letter.topic}. If its cause is not mended, it comes back here.`), act: "Send again" });
  if (!yes) return;
  try {
    await post(url(["dead-letters", letter.place, "replay"]));
    toast(`sent ${letter.place} to ${letter.topic}`);
  } catch (error) {
    toast(error.message, true);
  }
}

function drawTopics(topics) {
  return [
    h("h2", {}, "Topics"),
    table(
      ["Topic", "Holds", ["number", "Partitions"], ["number", "Records"], "Written by", "Read by"],
      topics.map((one) => [one.name, ["soft", one.holds], ["number", many(one.partitions)], ["number", many(one.records)], ["soft small", one.writers.join(", ")], ["soft small", one.readers.join(", ")]]),
      { label: "Topics" },
    ),
  ];
}
