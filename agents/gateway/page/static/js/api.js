// SPDX-License-Identifier: Apache-2.0
// The gateway's routes. The token lives in this tab alone and leaves it only in a header.

const TOKEN = "ingester-token";

/** What the gateway refused, or that it did not answer. */
export class ApiError extends Error {
  constructor(status, detail, body = null) {
    super(said(detail));
    this.status = status;
    this.body = body;
  }
}

function said(detail) {
  if (typeof detail === "string") return detail;
  if (Array.isArray(detail)) {
    return detail.map((one) => (one?.msg ? `${(one.loc ?? []).join(".")}: ${one.msg}` : said(one))).join("\n");
  }
  return JSON.stringify(detail);
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (text) => (text ? sessionStorage.setItem(TOKEN, text) : sessionStorage.removeItem(TOKEN)),
};

/** Headers of every request. */
export function headers(more = {}) {
  const known = token.get();
  return known ? { ...more, Authorization: `Bearer ${known}` } : more;
}

/** Called when the gateway wants a token. */
export const gate = { unknown: () => {} };

async function fetched(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "the gateway does not answer");
  }
}

async function ask(method, path, { body, signal, headers: more } = {}) {
  const response = await fetched(path, {
    method,
    signal,
    cache: "no-store",
    headers: headers(body === undefined ? more : { ...more, "Content-Type": "application/json" }),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return told(response);
}

async function told(response) {
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const found = isJson ? await response.json() : await response.text();
  if (response.status === 401) gate.unknown();
  if (!response.ok) throw new ApiError(response.status, found?.detail ?? found?.reason ?? found, found);
  return { status: response.status, body: found, headers: response.headers };
}

/** A picture; null: there is none. Fetched, for an `img` could not say who asks. */
export async function image(path, { signal } = {}) {
  const response = await fetched(path, { signal, headers: headers() });
  if (response.status === 204) return null;
  if (!response.ok) await told(response);
  return createImageBitmap(await response.blob());
}

export const get = async (path, options) => (await ask("GET", path, options)).body;
export const answer = (path, options) => ask("GET", path, options);
export const post = (path, body, options = {}) => ask("POST", path, { ...options, body });

/** Rows of a long list, page after page; `early` sees the first ones while others come. */
export async function rows(parts, query, [first, more], early, signal) {
  const page = (after, limit) => get(url(parts, { ...query, after, limit }), { signal });
  const found = [];
  for (let coming = page("", first); coming; ) {
    const { rows: some, next } = await coming;
    coming = next === null ? null : page(next, more);
    const begun = found.length > 0;
    found.push(...some);
    if (coming && !begun) early(found);
  }
  return found;
}

/** A path with its parameters; what is empty is left out. */
export function url(parts, query = {}) {
  const path = parts.map((part) => encodeURIComponent(part).replaceAll("%2F", "/")).join("/");
  const wanted = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== "" && one !== null && one !== undefined) wanted.append(name, one);
    }
  }
  const text = wanted.toString();
  return `/${path}${text ? `?${text}` : ""}`;
}

/** Ask again while the answer is 202; `said` hears how far it is. */
export async function patiently(path, said = () => {}, signal = undefined) {
  for (;;) {
    const { status, body } = await answer(path, { signal });
    if (status !== 202) return body;
    said(body);
    await new Promise((done) => setTimeout(done, 300));
    signal?.throwIfAborted();
  }
}
