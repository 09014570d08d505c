/** Code on shared memory in a file that the plugin does not transform. */
export function setElement(view: Int32Array, index: number): void {
  view[index] = 1;
}
