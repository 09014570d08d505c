import type { ConfigField } from './config-field.js';

/** Distances as ACPI's SLIT has them. */
const LOCAL_DISTANCE = 10;
const REMOTE_DISTANCE = 20;
const MAX_DISTANCE = 254;
const UNREACHABLE = 255;

/**
 * Reads the distance matrix, `distances[from][to]`; the two directions may differ.
 *
 * @param nodes how many nodes the machine has
 */
export function readDistances(field: ConfigField, nodes: number): number[][] | null {
  if (!field.isGiven) return defaultDistances(nodes);
  const rows = field.list('a list of rows such as [[10, 20], [20, 10]]');
  if (rows === null) return null;
  if (rows.length !== nodes) {
    field.refuse(`must have a row for each node: ${nodes}, not ${rows.length}`);
  }
  const distances = rows.map((row, from) => readRow(row, from, nodes));
  return rows.length === nodes && distances.every((row) => row !== null) ? distances : null;
}

function readRow(row: ConfigField, from: number, nodes: number): number[] | null {
  const elements = row.list('a row such as [10, 20]');
  if (elements === null) return null;
  if (elements.length !== nodes) {
    return row.refuse(`must have a distance to each node: ${nodes}, not ${elements.length}`);
  }
  const distances = elements.map((element, to) => readDistance(element, from, to));
  return distances.includes(null) ? null : (distances as number[]);
}

function readDistance(field: ConfigField, from: number, to: number): number | null {
  if (field.value === UNREACHABLE) {
    return field.refuse(
      `must not be ${UNREACHABLE}, which means unreachable; the farthest is ${MAX_DISTANCE}`,
    );
  }
  if (from !== to) return field.integer(LOCAL_DISTANCE + 1, MAX_DISTANCE, ', the distance to another node');
  if (field.value === LOCAL_DISTANCE) return LOCAL_DISTANCE;
  return field.mustBe(`${LOCAL_DISTANCE}, the distance of a node to itself`);
}

function defaultDistances(nodes: number): number[][] {
  return Array.from({ length: nodes }, (_row, from) =>
    Array.from({ length: nodes }, (_distance, to) => (from === to ? LOCAL_DISTANCE : REMOTE_DISTANCE)),
  );
}
