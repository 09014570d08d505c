/** What a loop may change that only its own thread sees: whether two rounds that look alike are alike. */

/** Nothing: if nothing shared changed either, the next round is like the last. */
export const LOOP_ONLY_LOOKS = 0;
/** It calls something, or changes a member of an object: there may be a count in it. */
export const LOOP_MAY_COUNT = 1;
/** It changes a variable by counting. */
export const LOOP_COUNTS = 2;
