// SPDX-License-Identifier: Apache-2.0
// A form from a JSON Schema: a field for each member, and the value that it holds.

import { fill, h } from "./dom.js";

/** Fields of an object's members. */
export class Form {
  constructor(schema, { suggestions = {}, first = [] } = {}) {
    this.fields = new Map();
    this.element = h("div", { class: "form" });
    const more = h("div", { class: "form" });
    const required = new Set(schema.required ?? []);
    for (const [name, shape] of Object.entries(schema.properties)) {
      const field = fieldOf(name, whole(shape, schema), required.has(name), suggestions[name] ?? [], schema, suggestions);
      this.fields.set(name, field);
      (required.has(name) || first.includes(name) ? this.element : more).append(field.element);
    }
    if (more.children.length) this.element.append(h("details", { class: "all" }, h("summary", {}, "More settings"), more));
  }

  /** What is filled in; members left as they are by default are left out. */
  get value() {
    const found = {};
    for (const [name, field] of this.fields) {
      const value = field.get();
      if (value !== undefined) found[name] = value;
    }
    return found;
  }

  /** What a document says and nothing else: what it lacks is as it is by default. */
  set value(document) {
    const said = spelled(document);
    for (const [name, field] of this.fields) field.set(said[name]);
  }

  /** What a document says, beside what is filled in. */
  add(document) {
    for (const [name, value] of Object.entries(spelled(document))) this.fields.get(name)?.set(value);
  }
}

/** A document with its members as we spell them. */
export const spelled = (document) => Object.fromEntries(Object.entries(document).map(([name, value]) => [name.toLowerCase(), value]));

/** A shape with what it refers to. */
function whole(shape, schema) {
  const named = shape.$ref ?? shape.allOf?.[0]?.$ref;
  if (!named) return shape;
  return { ...schema.$defs[named.split("/").at(-1)], ...shape, $ref: undefined, allOf: undefined };
}

function fieldOf(name, shape, required, suggested, schema, suggestions) {
  if (shape.enum) return select(name, shape);
  if (shape.type === "boolean") return check(name, shape);
  if (shape.type === "integer") return number(name, shape, required);
  if (shape.type === "array") return list(name, shape, suggested);
  if (shape.type === "object" && shape.properties) return group(name, shape, schema, suggestions);
  if (shape.type === "object") return pairs(name, shape, schema);
  return shape.format === "date-time" ? date(name, shape, required) : text(name, shape, required, suggested);
}

const titled = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("_", " ");

function labelled(name, shape, control) {
  return h("label", { class: "field" }, titled(name), control, shape.description && h("small", {}, shape.description));
}

function text(name, shape, required, suggested) {
  const options = suggested.length ? h("datalist", { id: `known-${name}` }, suggested.map((one) => h("option", { value: one }))) : null;
  const field = h("input", { name, required, list: options?.id, value: shape.default ?? "", autocomplete: "off" });
  return { element: h("div", {}, labelled(name, shape, field), options), get: () => (field.value === (shape.default ?? "") && !required ? undefined : field.value), set: (value) => (field.value = value ?? shape.default ?? "") };
}

function date(name, shape, required) {
  const field = h("input", { name, required, type: "datetime-local", step: "1" });
  const written = () => (field.value ? `${field.value.length === 16 ? `${field.value}:00` : field.value}Z` : undefined);
  // The field knows seconds and UTC only: what nobody edits stays as it was said.
  let shown = null;
  let said = null;
  return {
    element: labelled(name, { description: `${shape.description ?? ""} UTC.` }, field),
    get: () => (shown && field.value === shown ? said : written()),
    set: (value) => {
      const at = new Date(value ?? "");
      field.value = Number.isNaN(at.getTime()) ? "" : at.toISOString().slice(0, 19);
      [shown, said] = [field.value, value];
    },
  };
}

function number(name, shape, required) {
  const field = h("input", { name, required, type: "number", min: shape.minimum, max: shape.maximum, value: String(shape.default ?? 0) });
  return { element: labelled(name, shape, field), get: () => (Number(field.value) === (shape.default ?? 0) ? undefined : Number(field.value)), set: (value) => (field.value = String(value ?? shape.default ?? 0)) };
}

function check(name, shape) {
  const field = h("input", { name, type: "checkbox" });
  field.checked = Boolean(shape.default);
  return {
    element: h("label", { class: "field check" }, field, h("span", {}, titled(name)), shape.description && h("small", {}, shape.description)),
    get: () => (field.checked === Boolean(shape.default) ? undefined : field.checked),
    set: (value) => (field.checked = Boolean(value ?? shape.default)),
  };
}

function select(name, shape) {
  const field = h("select", { name }, shape.enum.map((one) => h("option", { value: one }, one)));
  const usual = shape.default ?? shape.enum[0];
  field.value = usual;
  return { element: labelled(name, shape, field), get: () => (field.value === shape.default ? undefined : field.value), set: (value) => (field.value = value ?? usual) };
}

function list(name, shape, suggested) {
  const made = text(name, { ...shape, default: "", description: `${shape.description ?? ""} Separated by commas.${suggested.length ? ` Known: ${suggested.join(", ")}.` : ""}` }, false, []);
  const words = () => (made.get() ?? "").split(",").map((one) => one.trim()).filter(Boolean);
  return { element: made.element, get: () => (words().length ? words() : undefined), set: (value) => made.set([value ?? []].flat().join(", ")) };
}

/** An object of texts, or of small objects: a row for each. */
function pairs(name, shape, schema) {
  const inner = whole(shape.additionalProperties ?? {}, schema);
  const members = inner.properties ? Object.keys(inner.properties) : [""];
  const rows = h("div", { class: "pairs" });
  const row = (key = "", value = null) => {
    const cell = (label, filled) => h("input", { "aria-label": `${titled(name)}: ${label}`, placeholder: label, value: filled });
    const made = h(
      "div",
      {},
      cell("name", key),
      members.map((member) => cell(member || "value", member ? (value?.[member] ?? "") : (value ?? ""))),
      h("button", { type: "button", "aria-label": "Remove", onclick: () => made.remove() }, "×"),
    );
    rows.append(made);
  };
  const read = () => {
    const found = {};
    for (const one of rows.children) {
      const [key, ...values] = [...one.querySelectorAll("input")].map((field) => field.value.trim());
      if (key) found[key] = members[0] ? Object.fromEntries(members.map((member, n) => [member, values[n]]).filter(([, filled]) => filled)) : values[0];
    }
    return Object.keys(found).length ? found : undefined;
  };
  return {
    element: h("fieldset", {}, h("legend", {}, titled(name)), shape.description && h("small", { class: "soft" }, shape.description), rows, h("button", { type: "button", onclick: () => row() }, "Add")),
    get: read,
    set: (value) => {
      fill(rows);
      for (const [key, one] of Object.entries(value ?? {})) row(key, members[0] ? one : String(one ?? ""));
    },
  };
}

function group(name, shape, schema, suggestions) {
  const inner = new Form({ ...shape, $defs: schema.$defs }, { suggestions, first: Object.keys(shape.properties) });
  return {
    element: h("fieldset", {}, h("legend", {}, titled(name)), inner.element),
    get: () => (Object.keys(inner.value).length ? inner.value : undefined),
    set: (value) => (inner.value = value ?? {}),
  };
}
