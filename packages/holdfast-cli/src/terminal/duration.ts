/** Milliseconds as people read them. */

const msPerSecond = 1_000
/** From here on a tenth of a unit says enough, and from ten times that a whole one. */
const fewUnits = 1
const manyUnits = 100

/** `0.12 s`, `4.2 s`, `20 s`, `125 s`. */
export function seconds(ms: number): string {
  const value = ms / msPerSecond
  return `${Number(value.toFixed(value < fewUnits ? 2 : value < manyUnits ? 1 : 0))} s`
}

/** `0.4 ms`, `24 ms`. */
export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

const stampWidth = 8

/** The time at the beginning of a line. */
export function stamp(ms: number): string {
  return `${(ms / msPerSecond).toFixed(1)} s`.padStart(stampWidth)
}
