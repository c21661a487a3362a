/**
 * Moments as small numbers, for objects of which there are many. V8 keeps an integer of 31 bits and a sign within its object. Any other
 * number has an object of its own: 16 bytes more, and one more wait for memory.
 */

/** The origin lies so far ahead that moments stay small for 49 days. A program that runs for longer has larger entries from then on. */
const origin = Date.now() + 2 ** 31 - 24 * 3_600_000

/** Milliseconds of the Unix epoch as a moment. */
export const toMoment = (millis: number): number => millis - origin

/** The milliseconds of the Unix epoch that a moment stands for. */
export const fromMoment = (moment: number): number => moment + origin

/** The latest moment that is small. */
export const latest = 2 ** 31 - 1
