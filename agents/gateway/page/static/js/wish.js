// SPDX-License-Identifier: Apache-2.0
// What operators want, with why, and never by one click: tasks, many tasks, areas.

import { post, url } from "./api.js";
import { ask } from "./dialog.js";
import { fill, h, problem, toast } from "./dom.js";
import { counted, many } from "./format.js";
import { live } from "./live.js";

export const WISHES = {
  retry: { act: "Retry", says: "It is tried again.", from: ["retry"] },
  reopen: { act: "Reopen", says: "It comes back, in its place in its chain.", from: ["failed"], follow: true },
  fail: { act: "Give up", says: "It fails, and later tiles of its chain are built past it.", from: ["pending", "retry"], danger: true },
  force: { act: "Force…", says: "It gets the status that you say, whatever its own course is.", from: ["new", "pending", "retry", "failed"], danger: true },
};

const FORCED = { pending: ["pending", "retry", "failed"], done: ["new", "pending", "retry"], failed: ["new", "pending", "retry"] };

const whyField = () => h("textarea", { name: "why", rows: "2", required: true, maxlength: "1000" });

function labelled(words, field, help = "") {
  return h("label", { class: "field" }, words, field, help && h("small", {}, help));
}

/** Ask why, and how; then ask it of these. `status` limits what can be forced; `count` says how many there are. */
async function wanted(wish, title, status, count = null) {
  const known = WISHES[wish];
  const why = whyField();
  const follow = h("input", { type: "checkbox" });
  const forced = h("select", {}, Object.entries(FORCED).filter(([, from]) => !status || from.includes(status)).map(([word]) => h("option", { value: word }, word)));
  const how = () => ({ wish, why: why.value, ...(wish === "force" ? { status: forced.value } : {}), ...(known.follow ? { follow: follow.checked } : {}) });
  const number = h("p", { role: "status" });
  if (count) {
    const recount = async () => {
      const body = how();
      // What is not counted is not asked.
      why.setCustomValidity("They are not counted yet.");
      fill(number, "…");
      try {
        const said = await count(body);
        if (body.status !== how().status) return;
        fill(number, said);
        why.setCustomValidity("");
      } catch (error) {
        fill(number, problem(error));
      }
    };
    forced.addEventListener("change", recount);
    recount();
  }
  const yes = await ask({
    title,
    body: [
      h("p", {}, known.says),
      wish === "force" && labelled("Status", forced),
      count && number,
      labelled("Why", why, "Kept in the log for ever, with your name."),
      known.follow && h("label", { class: "field check" }, follow, h("span", {}, "Later tiles of the chain too"), h("small", {}, "They are done again in order, built on it.")),
    ],
    act: known.act.replace("…", ""),
    danger: known.danger,
  });
  return yes ? how() : null;
}

async function told(path, body, what) {
  try {
    const { status, body: found } = await post(path, body);
    toast(status === 202 ? `${what}: written, and not projected yet` : `${what}: granted`);
    live.dispatchEvent(new Event("moved"));
    return found;
  } catch (error) {
    toast(`${what}: ${error.message}`, true);
    return null;
  }
}

/** A wish about one task, as it was seen. */
export async function wishOfTask(task, wish) {
  const body = await wanted(wish, `${WISHES[wish].act.replace("…", "")} ${task.id}`, task.status);
  if (body) await told(url(["tasks", task.id, "wishes"]), { ...body, attempt: task.attempt }, wish);
}

/** A wish about each of these tasks. */
export async function wishOfTasks(tasks, wish) {
  const body = await wanted(wish, `${WISHES[wish].act.replace("…", "")} ${counted(tasks.length, "task")}`, "");
  if (!body) return;
  const found = new Outcome();
  for (const task of tasks) {
    try {
      const { status } = await post(url(["tasks", task.id, "wishes"]), { ...body, attempt: task.attempt });
      if (status === 202) found.unknown += 1;
      else found.granted += 1;
    } catch (error) {
      found.refused.set(task.id, error.message);
    }
  }
  found.tell();
}

/** A wish about all tasks of an area that meet filters; counted before it is asked. */
export async function wishOfAll(area, wish, { status = "", ...filters }) {
  const path = url(["areas", area, "tasks", "wishes"]);
  const which = { ...filters, ...(status ? { standing: status } : {}) };
  const count = async (body) => {
    const { body: found } = await post(path, { ...which, ...body, preview: true });
    return [h("b", {}, counted(found.matched, "task")), body.status ? ` can be forced to ${body.status}.` : " can be granted this."];
  };
  const body = await wanted(wish, `${WISHES[wish].act.replace("…", "")}: all that match`, status, count);
  if (!body) return;
  // These match again, though they were granted: another turn would be about the same.
  const stay = body.status === "pending" && ["", "pending"].includes(status);
  const found = new Outcome();
  try {
    while ((await turn(found, path, { ...which, ...body })) && !stay);
  } catch (error) {
    found.trouble = error.message;
  }
  found.tell();
}

/** The gateway asks it of so many at once; is another turn of use? */
async function turn(found, path, body) {
  const { status, body: answer } = await post(path, body);
  found.granted += answer.granted;
  found.unknown += answer.unknown;
  for (const one of answer.refused) found.refused.set(one.task, one.reason);
  found.left = answer.matched - answer.granted - answer.unknown - answer.refused.length;
  return found.left > 0 && answer.granted > 0 && status === 200;
}

/** What became of a wish about many tasks. */
class Outcome {
  granted = 0;
  unknown = 0;
  left = 0;
  refused = new Map();
  trouble = "";

  tell() {
    const reasons = [...this.refused].slice(0, 3).map(([task, reason]) => `${task}: ${reason}`);
    const said = [
      `${many(this.granted)} granted`,
      this.unknown && `${many(this.unknown)} written, and not projected yet`,
      this.left > 0 && `${many(this.left)} not asked yet`,
      reasons.length && `${many(this.refused.size)} refused: ${reasons.join("; ")}`,
      this.trouble,
    ];
    toast(said.filter(Boolean).join(", "), Boolean(reasons.length || this.left > 0 || this.trouble));
    live.dispatchEvent(new Event("moved"));
  }
}

const AREA = {
  pause: ["Pause", "Nothing new is ordered; what runs may end."],
  resume: ["Resume", "It goes on where it stood."],
  cancel: ["Cancel area", "Nothing of it is ordered, begun or ended any more. This is final."],
};

/** A wish about an area. */
export async function wishOfArea(area, wish) {
  const [act, says] = AREA[wish];
  const why = whyField();
  const name = exactly(area.name);
  const yes = await ask({
    title: `${act}: ${area.name}`,
    body: [h("p", {}, says), labelled("Why", why), wish === "cancel" && labelled("The area's name, to be sure", name)],
    act,
    danger: wish === "cancel",
  });
  if (yes) await told(url(["areas", area.name, "wishes"]), { wish, why: why.value }, act);
}

/** Cancel each of these areas; their number is typed, to be sure. */
export async function cancelAreas(areas) {
  const why = whyField();
  const number = exactly(String(areas.length), { inputmode: "numeric" });
  const yes = await ask({
    title: `Cancel ${counted(areas.length, "area")}`,
    body: [h("p", {}, AREA.cancel[1]), h("p", { class: "small wide" }, areas.map((one) => one.name).join(", ")), labelled("Why", why), labelled("How many, to be sure", number)],
    act: "Cancel them all",
    danger: true,
  });
  if (!yes) return;
  for (const area of areas) await told(url(["areas", area.name, "wishes"]), { wish: "cancel", why: why.value }, `Cancel ${area.name}`);
}

/** A field in which this is to be typed. */
function exactly(text, props = {}) {
  const check = () => field.setCustomValidity(field.value === text ? "" : `Expected: ${text}`);
  const field = h("input", { autocomplete: "off", required: true, ...props, oninput: check });
  check();
  return field;
}

/** How many tasks of an area may be ordered at once. */
export async function limitArea(area) {
  const limits = area.limits ?? { downloads: 0, processes: 0, priority: 0 };
  const number = (value, min, max) => h("input", { type: "number", value: String(value), min: String(min), max: max === null ? null : String(max), required: true });
  const fields = [number(limits.downloads, 0, null), number(limits.processes, 0, null), number(limits.priority, -5, 5)];
  const why = whyField();
  const yes = await ask({
    title: `Limits of ${area.name}`,
    body: [
      labelled("Downloads at once", fields[0], "0: any number"),
      labelled("Processes at once", fields[1], "0: any number"),
      labelled("Priority", fields[2], "The limits are doubled so many times, halved when negative."),
      labelled("Why", why),
    ],
    act: "Set limits",
  });
  const [downloads, processes, priority] = fields.map((field) => Number(field.value));
  if (yes) await told(url(["areas", area.name, "wishes"]), { wish: "limit", why: why.value, limits: { downloads, processes }, priority }, "Limits");
}
