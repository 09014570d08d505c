import { formatAddress } from '../../arch/address-space.js';
import { PAGE_SIZE, SECTION_BYTES } from '../../arch/page.js';
import { BUG, oops } from '../core/bug.js';
import type { Cpu } from '../core/cpu.js';
import { KERNEL } from '../core/kernel-data.js';
import { phys_to_word } from './phys.js';

/**
 * Checked access to memory through kernel addresses. An access to an address that maps to nothing is an oops with a
 * report, as a page fault in kernel mode is. Any context. Values are little-endian and unsigned.
 */

/**
 * The byte offset in the image of a kernel address.
 *
 * @param length bytes that must be mapped from there on, contiguous in the image
 * @throws KernelOops when any of them is not
 */
export function imageOffset(k: Cpu, address: number, length: number): number {
  const physical = address - k.space.PAGE_OFFSET;
  const end = physical + length;
  const word = phys_to_word(k, physical);
  const mapped = Number.isInteger(physical) && word >= 0 && end <= k.i32[KERNEL.max_low_pfn] * PAGE_SIZE;
  if (!mapped || !contiguous(k, physical, end)) badAddress(k, address);
  return word * 4 + (physical % 4);
}

/** Whether memory lies behind every section that a stretch touches. */
function contiguous(k: Cpu, physical: number, end: number): boolean {
  for (let at = physical + SECTION_BYTES; at < end; at += SECTION_BYTES)
    if (phys_to_word(k, at) < 0) return false;
  return phys_to_word(k, end - 1) >= 0;
}

function badAddress(k: Cpu, address: number): never {
  const where = Math.abs(address) < PAGE_SIZE ? 'kernel NULL pointer dereference' : 'kernel paging request';
  const shown = Number.isInteger(address) ? formatAddress(k.space, address) : String(address);
  return oops(k, `Unable to handle ${where} at ${shown}`);
}

export function read8(k: Cpu, address: number): number {
  return k.u8[imageOffset(k, address, 1)];
}

export function read16(k: Cpu, address: number): number {
  const at = imageOffset(k, address, 2);
  return k.u8[at] | (k.u8[at + 1] << 8);
}

export function read32(k: Cpu, address: number): number {
  const at = imageOffset(k, address, 4);
  if (at % 4 === 0) return k.u32[at / 4];
  return (k.u8[at] | (k.u8[at + 1] << 8) | (k.u8[at + 2] << 16) | (k.u8[at + 3] << 24)) >>> 0;
}

export function read64(k: Cpu, address: number): bigint {
  imageOffset(k, address, 8);
  return BigInt(read32(k, address)) | (BigInt(read32(k, address + 4)) << 32n);
}

export function write8(k: Cpu, address: number, value: number): void {
  k.u8[imageOffset(k, address, 1)] = value;
}

export function write16(k: Cpu, address: number, value: number): void {
  const at = imageOffset(k, address, 2);
  k.u8[at] = value;
  k.u8[at + 1] = value >>> 8;
}

export function write32(k: Cpu, address: number, value: number): void {
  const at = imageOffset(k, address, 4);
  if (at % 4 === 0) {
    k.u32[at / 4] = value;
    return;
  }
  for (let i = 0; i < 4; i++) k.u8[at + i] = value >>> (8 * i);
}

export function write64(k: Cpu, address: number, value: bigint): void {
  imageOffset(k, address, 8);
  write32(k, address, Number(BigInt.asUintN(32, value)));
  write32(k, address + 4, Number(BigInt.asUintN(32, value >> 32n)));
}

/** Fills `length` bytes with one value; returns the address. */
export function memset(k: Cpu, address: number, value: number, length: number): number {
  if (length > 0) {
    const at = imageOffset(k, address, length);
    k.u8.fill(value, at, at + length);
  }
  return address;
}

/** Copies `length` bytes between areas that do not overlap; returns the destination. */
export function memcpy(k: Cpu, to: number, from: number, length: number): number {
  if (length > 0) {
    const source = imageOffset(k, from, length);
    k.u8.copyWithin(imageOffset(k, to, length), source, source + length);
  }
  return to;
}

/** A view of `length` bytes of the shared memory itself: what is written there is written for all. */
export function bytesAt(k: Cpu, address: number, length: number): Uint8Array {
  if (length === 0) return k.u8.subarray(0, 0);
  const at = imageOffset(k, address, length);
  return k.u8.subarray(at, at + length);
}

/**
 * The word index in the image of a kernel address: what locks, atomics and bit maps take.
 *
 * @throws KernelOops when nothing is mapped there; KernelBug when the address is no multiple of 4
 */
export function wordAt(k: Cpu, address: number): number {
  const at = imageOffset(k, address, 4);
  if (at % 4 !== 0) BUG(k, `${formatAddress(k.space, address)} is not aligned to a word`);
  return at / 4;
}
