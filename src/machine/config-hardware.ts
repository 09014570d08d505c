import type { ArchName } from '../arch/address-space.js';
import { FIRMWARE_BYTES, imageBytes, type Hardware, type SlabProfile } from '../arch/hardware.js';
import { MAX_NUMNODES } from '../kernel/core/limits.js';
import { readBootHooks } from './config-boot-hooks.js';
import { readCpus } from './config-cpus.js';
import { readDebug } from './config-debug.js';
import { readDistances } from './config-distances.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { ConfigField } from './config-field.js';
import type { MachineConfig } from './config-types.js';
import { readMemory } from './config-memory.js';
import { readMovablecore, readZoneLimits } from './config-zones.js';
import { formatMemorySize, parseMemorySize } from './memory-size.js';

const FIELDS = [
  'arch',
  'nodes',
  'distances',
  'holes',
  'zoneLimits',
  'movablecore',
  'numaZonelistOrder',
  'hz',
  'slabProfile',
  'debug',
  'bootHooks',
] as const satisfies readonly (keyof MachineConfig)[];

const NODE_EXAMPLE = `{ "memory": "256M", "cpus": 2 }`;

const DEFAULT_ARCH = 'x86_64';
/** Ticks a second, and the frequencies that Linux can be built with as far as a host can keep up. */
const DEFAULT_HZ = 100;
const MIN_HZ = 12;
const MAX_HZ = 1000;

/** One SharedArrayBuffer holds the machine's memory. */
export const MAX_IMAGE_BYTES = 4 * 1024 ** 3;
/** The firmware tables are JSON in the BIOS area, behind a header. */
export const MAX_FIRMWARE_TABLE_BYTES = FIRMWARE_BYTES - 64;

/**
 * Checks a machine configuration and turns it into what the kernel boots on.
 *
 * @param config anything; right is a MachineConfig
 * @param source where it came from, for the error
 * @param base URL that relative module paths start from
 * @throws ConfigError with everything that is wrong
 */
export function toHardware(config: unknown, source: string, base?: URL): Hardware {
  const problems: ConfigProblem[] = [];
  const fields = new ConfigField(config, '', problems).object(FIELDS, `{ "nodes": [${NODE_EXAMPLE}] }`);
  if (fields !== null) {
    const parts = { ...readTopology(fields), ...readSettings(fields, base) };
    if (problems.length === 0 && isWhole(parts)) checkSize(parts, fields.nodes);
    if (problems.length === 0 && isWhole(parts)) return parts;
  }
  throw new ConfigError(source, problems);
}

type Fields = Record<(typeof FIELDS)[number], ConfigField>;
/** Null is what could not be read; a problem says why. */
type Parts<Names extends keyof Hardware = keyof Hardware> = { [Name in Names]: Hardware[Name] | null };

function isWhole(parts: Parts): parts is Hardware {
  return Object.values(parts).every((part) => part !== null);
}

/** What depends on the nodes. */
function readTopology(
  fields: Fields,
): Parts<'arch' | 'memory' | 'cpuNodes' | 'nodes' | 'distances' | 'zoneLimits' | 'movablecore'> {
  const arch = fields.arch.isGiven ? fields.arch.oneOf<ArchName>(['x86', 'x86_64']) : DEFAULT_ARCH;
  const nodes = readNodes(fields.nodes);
  const memory = nodes && readMemory(nodes.memory, fields.holes, fields.nodes, arch);
  const count = nodes === null ? null : nodes.memory.length;
  return {
    arch,
    memory,
    cpuNodes: nodes && readCpus(nodes.cpus, fields.nodes),
    nodes: count,
    distances: count === null ? null : readDistances(fields.distances, count),
    zoneLimits: arch && readZoneLimits(fields.zoneLimits, arch, memory),
    movablecore: readMovablecore(fields.movablecore, memory),
  };
}

/** @returns the fields of the nodes, by node */
function readNodes(field: ConfigField): Record<'memory' | 'cpus', ConfigField[]> | null {
  const elements = field.list(`a list of nodes such as [${NODE_EXAMPLE}]`);
  if (elements === null) return null;
  if (elements.length === 0 || elements.length > MAX_NUMNODES) {
    return field.refuse(`must have 1 to ${MAX_NUMNODES} nodes, not ${elements.length}`);
  }
  const nodes = elements.map((element) => element.object(['memory', 'cpus'], NODE_EXAMPLE));
  nodes.forEach((node, index) => {
    if (node === null || !isNothing(node.memory) || !isNothing(node.cpus)) return;
    elements[index].refuse('has neither memory nor CPUs; give it one of them or leave it out');
  });
  if (!nodes.every((node) => node !== null)) return null;
  return { memory: nodes.map((node) => node.memory), cpus: nodes.map((node) => node.cpus) };
}

function isNothing({ value }: ConfigField): boolean {
  return (
    value === 0 ||
    (typeof value === 'string' && parseMemorySize(value) === 0) ||
    (Array.isArray(value) && value.length === 0)
  );
}

/** What does not depend on them. */
function readSettings(
  fields: Fields,
  base: URL | undefined,
): Parts<'numaZonelistOrder' | 'hz' | 'slabProfile' | 'debug' | 'bootHooks'> {
  const { numaZonelistOrder: order, hz, slabProfile: profile } = fields;
  return {
    numaZonelistOrder: order.isGiven ? order.oneOf(['default', 'node', 'zone'] as const) : 'default',
    hz: hz.isGiven ? hz.integer(MIN_HZ, MAX_HZ) : DEFAULT_HZ,
    slabProfile: profile.isGiven ? profile.oneOf<SlabProfile>(['2.6.10', '2.6.24']) : '2.6.10',
    debug: readDebug(fields.debug),
    bootHooks: readBootHooks(fields.bootHooks, base),
  };
}

/** Checks what only the whole shows: the machine fits into an image, its description into the firmware tables. */
function checkSize(hardware: Hardware, nodes: ConfigField): void {
  const image = imageBytes(hardware);
  if (image > MAX_IMAGE_BYTES) {
    const most = formatMemorySize(MAX_IMAGE_BYTES);
    nodes.refuse(`need a memory image of ${formatMemorySize(image)}; a machine has at most ${most}`);
  }
  const tables = Buffer.byteLength(JSON.stringify(hardware));
  if (tables > MAX_FIRMWARE_TABLE_BYTES) {
    nodes.refuse(
      `need ${tables} bytes of firmware tables, more than the ${MAX_FIRMWARE_TABLE_BYTES} there are; ` +
        'use fewer holes, ranges or boot hooks',
    );
  }
}
