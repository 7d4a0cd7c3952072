// SPDX-License-Identifier: Apache-2.0
// Numbers and instants as people read them. All instants are UTC.

const NUMBER = new Intl.NumberFormat("en");

export const STATUSES = ["new", "pending", "done", "retry", "failed"];

/** The most urgent first. */
export const URGENT = ["failed", "retry", "pending", "new", "done"];

/** 12345 as 12,345. */
export const many = (number) => NUMBER.format(number);

/** "1 task", "12 tasks". */
export const counted = (number, noun, nouns = `${noun}s`) =>
  `${many(number)} ${number === 1 ? noun : nouns}`;

/** An instant: 2024-05-01 10:20:30Z. */
export function instant(text) {
  if (!text) return "";
  const at = new Date(text);
  return Number.isNaN(at.getTime())
    ? String(text)
    : `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

export const day = (text) => (text ? String(text).slice(0, 10) : "");

const days = new Map();

/** The day of an instant; thousands of tiles share a few. */
export function dayOf(seconds) {
  let found = days.get(seconds);
  if (!found) {
    found = new Date(seconds * 1000).toISOString().slice(0, 10);
    days.set(seconds, found);
  }
  return found;
}

/** Seconds as "3 min 20 s". */
export function lasting(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  if (seconds < 10) return `${Math.max(seconds, 0).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

/** How long until or since an instant. */
export const between = (from, to) => (new Date(to) - new Date(from)) / 1000;

/** 123456 as 123.5 kB. */
export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let left = number;
  let unit = 0;
  while (left >= 1000 && unit < units.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit ? left.toFixed(1) : left} ${units[unit]}`;
}

/** A rate of tasks: so many a second, a minute or an hour. */
export function rate(perSecond) {
  if (!perSecond) return "0/h";
  if (perSecond >= 1) return `${perSecond.toFixed(1)}/s`;
  if (perSecond * 60 >= 1) return `${(perSecond * 60).toFixed(1)}/min`;
  return `${(perSecond * 3600).toFixed(1)}/h`;
}

/** A task's id without its area. */
export const short = (id) => id.split("/").slice(1).join("/");
export const areaOf = (id) => id.split("/")[0];

export const links = {
  area: (name, tab = "", query = {}) => hash(["area", name, ...(tab ? [tab] : [])], query),
  task: (id, query = {}) => hash(["task", id], query),
};

function hash(parts, query = {}) {
  const found = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const text = new URLSearchParams(found).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}
