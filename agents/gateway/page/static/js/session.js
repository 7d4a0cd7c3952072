// SPDX-License-Identifier: Apache-2.0
// Who looks: the name and role behind the token, and the dialog to sign in.

import { gate, get, token } from "./api.js";
import { h, toast } from "./dom.js";
import { ask } from "./dialog.js";
import { live } from "./live.js";

export const session = { name: "", role: "", tokens: false, version: "", basemap: "", known: false };

const button = document.getElementById("who");
let asking = false;

const AGAIN_MS = 2000;

/** Learn who asks; hides what that role may not do. `failed` hears why it is asked again. */
export async function identify(failed = (error) => toast(error.message, true)) {
  let found = null;
  while (!found) {
    try {
      found = await get("/me");
    } catch (error) {
      if (error.status === 401) throw error;
      failed(error);
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }
  Object.assign(session, found, { known: true });
  document.body.dataset.role = found.role;
  button.textContent = found.tokens ? `${found.name} · ${found.role}` : "no sign-in";
  button.title = `Version ${found.version}`;
}

let told = null;

/** Words of the ingester; they stay as they are while the page is open. */
export function words() {
  told ??= get("/words").catch((error) => {
    told = null;
    throw error;
  });
  return told;
}

export const may = (role) => {
  const roles = ["read", "operate", "administer"];
  return roles.indexOf(session.role) >= roles.indexOf(role);
};

/** Ask for a token, once at a time. */
export async function signIn(why = "") {
  if (asking) return;
  asking = true;
  const field = h("input", { type: "password", required: true, autocomplete: "off", name: "token" });
  const given = await ask({
    title: "Sign in",
    body: [
      why && h("p", {}, why),
      h("label", { class: "field" }, "Token", field, h("small", {}, "Kept in this tab until it is closed.")),
    ],
    act: "Sign in",
  });
  asking = false;
  if (!given) return;
  token.set(field.value.trim());
  await entered();
}

async function entered() {
  try {
    await identify();
  } catch {
    // A token that is not known: the gate has asked for another one already.
    return;
  }
  live.again();
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

function signOut() {
  token.set("");
  document.body.dataset.role = "";
  location.reload();
}

gate.unknown = () => {
  if (!asking) signIn(token.get() ? "This token is not known here." : "This ingester wants to know who asks.");
};

button.addEventListener("click", () => {
  if (!session.known) signIn();
  else if (session.tokens) signOut();
});
