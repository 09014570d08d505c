/** What a loop may change that only its own thread sees: whether two rounds that look alike are alike. */

/** Nothing: if nothing shared changed either, the next round is like the last. */
export const LOOP_ONLY_LOOKS = 0;
/** It changes a property of an object: that may be a count. What a function that it calls counts is not seen. */
export const LOOP_MAY_COUNT = 1;
/** It changes a variable by counting. */
export const LOOP_COUNTS = 2;
