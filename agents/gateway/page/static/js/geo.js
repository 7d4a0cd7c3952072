// SPDX-License-Identifier: Apache-2.0
// Footprints and coasts on a Web Mercator plane: the world is one wide, north is up.

const LIMIT = 85.0511;

/** Longitude and latitude, degrees, as a point of the plane. */
export function plane(longitude, latitude) {
  const bounded = Math.min(Math.max(latitude, -LIMIT), LIMIT);
  const sine = Math.sin((bounded * Math.PI) / 180);
  return [longitude / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}

/** The converse. */
export function degrees(x, y) {
  return [(x - 0.5) * 360, (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI];
}

/** Rings of a WKT POLYGON or MULTIPOLYGON, on the plane, beside each other. */
export function ringsOfWkt(wkt) {
  const rings = [];
  for (const [, inner] of wkt.matchAll(/\(([^()]+)\)/g)) {
    rings.push(ring(inner.split(",").map((pair) => pair.trim().split(/\s+/).map(Number))));
  }
  return together(rings.filter((points) => points.length > 2));
}

/** Rings of a GeoJSON geometry, feature or collection, on the plane, beside each other. */
export function ringsOfGeoJson(found) {
  return together(rings(found));
}

function rings(found) {
  if (!found || typeof found !== "object") return [];
  if (found.features) return found.features.flatMap(rings);
  if (found.geometries) return found.geometries.flatMap(rings);
  if (found.geometry) return rings(found.geometry);
  if (found.type === "Polygon") return found.coordinates.map(ring);
  if (found.type === "MultiPolygon") return found.coordinates.flat().map(ring);
  return [];
}

/** What keeps the polygons of a GeoJSON from being read, with its path; empty: nothing. */
export function shapeProblem(found, path = "$") {
  if (!found || typeof found !== "object") return `${path}: expected a GeoJSON object`;
  for (const name of ["features", "geometries"]) {
    const list = found[name];
    if (!list) continue;
    if (!Array.isArray(list)) return `${path}.${name}: expected a list`;
    return list.map((one, number) => shapeProblem(one, `${path}.${name}[${number}]`)).find(Boolean) ?? "";
  }
  if (found.geometry) return shapeProblem(found.geometry, `${path}.geometry`);
  const polygons = found.type === "Polygon" ? [found.coordinates] : found.type === "MultiPolygon" ? found.coordinates : [];
  const isRead = Array.isArray(polygons) && polygons.every((one) => Array.isArray(one) && one.every(isRing));
  return isRead ? "" : `${path}.coordinates: expected rings of positions, each a longitude and a latitude`;
}

const isRing = (points) => Array.isArray(points) && points.every((point) => Array.isArray(point) && point.length > 1 && point.slice(0, 2).every(Number.isFinite));

/** Points beside each other stay so over the 180th meridian. */
function ring(pairs) {
  let before = null;
  return pairs.map(([longitude, latitude]) => {
    let x = longitude;
    if (before !== null) x -= 360 * Math.round((x - before) / 360);
    before = x;
    return plane(x, latitude);
  });
}

/** Rings that are cut at the 180th meridian lie where the first of them does. */
function together(rings) {
  return rings.flatMap((points) => near([points], middle(rings[0])));
}

/** The middle of a ring, from left to right. */
export function middle(points) {
  const [left, , right] = boxOf([points]);
  return (left + right) / 2;
}

/** A shape where it is nearest to this place of the plane: the world goes on at its ends. */
export function near(rings, x) {
  const turns = rings.length ? Math.round(x - middle(rings[0])) : 0;
  return turns ? rings.map((points) => points.map(([px, py]) => [px + turns, py])) : rings;
}

/** The box around rings: left, top, right, bottom. */
export function boxOf(rings) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const points of rings) {
    for (const [x, y] of points) {
      if (x < box[0]) box[0] = x;
      if (y < box[1]) box[1] = y;
      if (x > box[2]) box[2] = x;
      if (y > box[3]) box[3] = y;
    }
  }
  return box;
}

export const meets = (a, b) => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];

/** Is the point within the rings (even-odd)? */
export function within(rings, [x, y]) {
  let inside = false;
  for (const points of rings) {
    for (let i = 0, j = points.length - 1; i < points.length; j = i, i += 1) {
      const [xi, yi] = points[i];
      const [xj, yj] = points[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
  }
  return inside;
}

/** Append rings to the context's path, as a pane at `x`, `y` with `k` pixels shows them. */
export function trace(context, { x, y, k }, rings) {
  // Coasts have a hundred thousand points: none of them makes an array here.
  for (const points of rings) {
    for (let number = 0; number < points.length; number += 1) {
      const px = (points[number][0] - x) * k;
      const py = (points[number][1] - y) * k;
      if (number) context.lineTo(px, py);
      else context.moveTo(px, py);
    }
    context.closePath();
  }
}

let coasts = null;

/** Land of Natural Earth: its rings, each with its box. Loaded once. */
export function land() {
  coasts ??= fetch("vendor/world-atlas/land-50m.json").then(async (response) => decoded(await response.json()));
  return coasts;
}

/** A TopoJSON of polygons as rings of the plane. */
function decoded({ arcs, transform, objects }) {
  const { scale, translate } = transform;
  const lines = arcs.map((arc) => {
    let x = 0;
    let y = 0;
    return arc.map(([dx, dy]) => {
      x += dx;
      y += dy;
      return plane(x * scale[0] + translate[0], y * scale[1] + translate[1]);
    });
  });
  const line = (number) => (number < 0 ? lines[~number].toReversed() : lines[number]);
  return objects.land.geometries
    .flatMap((one) => (one.type === "Polygon" ? one.arcs : one.arcs.flat()))
    .map((numbers) => numbers.flatMap(line))
    .map((points) => ({ rings: [points], box: boxOf([points]) }));
}
