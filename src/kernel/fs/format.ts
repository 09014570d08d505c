import { PAGE_SIZE } from '../../arch/page.js';

/** `%<width>lu`. */
export function lu(value: number, width: number): string {
  return String(value).padStart(width);
}

/** A number of pages in kB. */
export function kilobytes(pages: number): number {
  return pages * (PAGE_SIZE / 1024);
}

/** `Node %d, zone %8s`: how every file that goes by zones begins a zone. */
export function zoneHeading(nid: number, zone: string): string {
  return `Node ${nid}, zone ${zone.padStart(8)}`;
}
