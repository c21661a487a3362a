import type { Draw } from "../faultyInvalidation.ts"

/** The generator mulberry32: small, fast, and the same on all platforms. */
export const makeDraw = (seed: number): Draw => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * bound)
  }
}
