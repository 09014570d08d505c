import * as access from '../mm/access.js';
import * as address from '../mm/address.js';
import * as bootmem from '../mm/bootmem.js';
import { PageFace } from './page-face.js';

/** Addresses, checked access to memory through them, and boot memory (init code only). */
export abstract class MemoryFace extends PageFace {
  page_address(pfn: number): number {
    return address.page_address(this, pfn);
  }

  virt_to_page(addr: number): number {
    return address.virt_to_page(this, addr);
  }

  virt_addr_valid(addr: number): boolean {
    return address.virt_addr_valid(this, addr);
  }

  __pa(addr: number): number {
    return address.__pa(this, addr);
  }

  __va(physical: number): number {
    return address.__va(this, physical);
  }

  /** `struct page *` is the frame number itself. */
  page_to_pfn(pfn: number): number {
    return pfn;
  }

  /** `struct page *` is the frame number itself. */
  pfn_to_page(pfn: number): number {
    return pfn;
  }

  read8(addr: number): number {
    return access.read8(this, addr);
  }

  read16(addr: number): number {
    return access.read16(this, addr);
  }

  read32(addr: number): number {
    return access.read32(this, addr);
  }

  read64(addr: number): bigint {
    return access.read64(this, addr);
  }

  write8(addr: number, value: number): void {
    access.write8(this, addr, value);
  }

  write16(addr: number, value: number): void {
    access.write16(this, addr, value);
  }

  write32(addr: number, value: number): void {
    access.write32(this, addr, value);
  }

  write64(addr: number, value: bigint): void {
    access.write64(this, addr, value);
  }

  memset(addr: number, value: number, length: number): number {
    return access.memset(this, addr, value, length);
  }

  memcpy(to: number, from: number, length: number): number {
    return access.memcpy(this, to, from, length);
  }

  bytes(addr: number, length: number): Uint8Array {
    return access.bytesAt(this, addr, length);
  }

  alloc_bootmem(size: number): number {
    return bootmem.alloc_bootmem(this, size);
  }

  alloc_bootmem_low(size: number): number {
    return bootmem.alloc_bootmem_low(this, size);
  }

  alloc_bootmem_pages(size: number): number {
    return bootmem.alloc_bootmem_pages(this, size);
  }

  alloc_bootmem_low_pages(size: number): number {
    return bootmem.alloc_bootmem_low_pages(this, size);
  }

  alloc_bootmem_node(nid: number, size: number): number {
    return bootmem.alloc_bootmem_node(this, nid, size);
  }

  alloc_bootmem_pages_node(nid: number, size: number): number {
    return bootmem.alloc_bootmem_pages_node(this, nid, size);
  }

  alloc_bootmem_low_pages_node(nid: number, size: number): number {
    return bootmem.alloc_bootmem_low_pages_node(this, nid, size);
  }

  free_bootmem(physical: number, size: number): void {
    bootmem.free_bootmem(this, physical, size);
  }

  /** Word index of a kernel address in the image, for locks, atomics and bit maps that live in allocated memory. */
  wordAt(addr: number): number {
    return access.wordAt(this, addr);
  }
}
