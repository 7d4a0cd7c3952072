// SPDX-License-Identifier: Apache-2.0
// One stream of events for the whole page: when the read model moves, views ask again.
// A stream that is silent for too long is lost; then nothing that is shown is called fresh.

import { gate, headers } from "./api.js";
import { counted } from "./format.js";

// The gateway gives a sign every five seconds.
const SILENCE_MS = 12000;
const LONGEST_PAUSE_MS = 4000;

class Live extends EventTarget {
  state = "connecting";
  heardAt = null;
  #troubles = new Map();
  #abort = null;
  #pause = 500;

  /** Connect, and stay so. */
  async run() {
    for (;;) {
      try {
        await this.#listen();
      } catch {
        // Whatever ended it, it is begun again below.
      }
      this.#enter("lost");
      await new Promise((done) => setTimeout(done, this.#pause));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    }
  }

  /** What keeps what is shown from being up to date; empty: nothing. */
  get trouble() {
    return [...new Set(this.#troubles.values())].join("; ");
  }

  /** The trouble that one of those who show something has; empty: none. */
  tell(who, trouble) {
    if (trouble === (this.#troubles.get(who) ?? "")) return;
    if (trouble) this.#troubles.set(who, trouble);
    else this.#troubles.delete(who);
    this.dispatchEvent(new Event("state"));
  }

  /** Begin anew at once: somebody signed in. */
  again() {
    this.#pause = 100;
    this.#abort?.abort();
  }

  async #listen() {
    // Its own: a timer of this stream must not end the next one.
    const abort = new AbortController();
    this.#abort = abort;
    let silence = null;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
    };
    heard();
    try {
      const response = await fetch("/events", { headers: headers(), signal: abort.signal, cache: "no-store" });
      if (response.status === 401) gate.unknown();
      if (!response.ok) throw new Error(`events: ${response.status}`);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        this.#hear(parts);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #hear(parts) {
    this.heardAt = new Date();
    this.#pause = 500;
    const returned = this.state === "lost";
    this.#enter("live");
    for (const [, data] of parts.map((part) => part.match(/^data: (.*)$/m)).filter(Boolean)) this.tell(this, unprojected(JSON.parse(data).behind));
    if (returned || parts.some((part) => part.includes("event: moved"))) {
      this.dispatchEvent(new Event("moved"));
    }
  }

  #enter(state) {
    const changed = this.state !== state;
    this.state = state;
    if (changed || state === "live") this.dispatchEvent(new Event("state"));
  }
}

/** Why the read model itself is not up to date; empty: it is. */
function unprojected(facts) {
  if (facts === null) return "Kafka does not answer";
  return facts ? `${counted(facts, "fact")} of the log not projected yet: does the projector run?` : "";
}

export const live = new Live();

const SOON_MS = 1000;
const SLOWLY_MS = 20000;
// What takes long is asked for less often: a busy area moves all the time.
const REST = 4;

/** Run `show` now, soon after each move, and now and then: rates change by themselves. */
export async function following(signal, show) {
  let running = false;
  let wanted = false;
  let soon = false;
  let timer = null;
  let pause = SOON_MS;
  const later = (ms) => {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(run, ms);
  };
  const run = async () => {
    if (running) {
      wanted = true;
      return;
    }
    running = true;
    wanted = soon = false;
    const begun = performance.now();
    try {
      await show();
      live.tell(run, "");
    } catch (error) {
      if (!signal.aborted && error.status !== 401) live.tell(run, error.message);
    }
    running = false;
    pause = Math.max(SOON_MS, REST * (performance.now() - begun));
    soon = wanted;
    later(soon ? pause : SLOWLY_MS);
  };
  // The first time an error is the caller's: there is nothing to show yet.
  await show();
  const moved = () => {
    if (running) wanted = true;
    // One that comes while another waits must not put it off: they may come for ever.
    else if (!soon) {
      soon = true;
      later(pause);
    }
  };
  live.addEventListener("moved", moved, { signal });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    live.tell(run, "");
  });
  later(SLOWLY_MS);
}
