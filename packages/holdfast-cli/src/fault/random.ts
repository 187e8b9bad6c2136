import { checkNumber } from './option-rule.ts'

/**
 * A random source which gives the same numbers in [0, 1) for the same seed, on every machine: mulberry32. Good enough to draw faults
 * from, of no use for secrets.
 *
 * @throws TypeError when the seed is not a whole number of 32 bits.
 */
export const seededRandom = (seed: number): (() => number) => {
  checkNumber('seed', seed, { min: 0, max: 0xffff_ffff, whole: true })
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
