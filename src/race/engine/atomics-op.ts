/** Codes of the Atomics operations, as transformed code names them to the runtime. */
export const AT_LOAD = 0;
export const AT_STORE = 1;
export const AT_ADD = 2;
export const AT_SUB = 3;
export const AT_AND = 4;
export const AT_OR = 5;
export const AT_XOR = 6;
export const AT_EXCHANGE = 7;
export const AT_COMPARE_EXCHANGE = 8;

/** The code of each method of `Atomics` that is one operation on one element. */
export const ATOMICS_OPS: Readonly<Record<string, number>> = {
  load: AT_LOAD,
  store: AT_STORE,
  add: AT_ADD,
  sub: AT_SUB,
  and: AT_AND,
  or: AT_OR,
  xor: AT_XOR,
  exchange: AT_EXCHANGE,
  compareExchange: AT_COMPARE_EXCHANGE,
};
