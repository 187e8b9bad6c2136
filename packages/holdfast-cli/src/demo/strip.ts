/** The last few seconds as a row of small bars: round trips, silence, outages. */

const lengthSamples = 24
const bars = '▁▂▃▄▅▆▇█'
/** The lowest bar is for round trips below this, and each further one for twice as much. */
const lowestMs = 16
const silentSign = '·'
const awaySign = '×'

export type Sample = { readonly name: 'heard'; readonly ms: number } | { readonly name: 'silent' } | { readonly name: 'away' }

export class Strip {
  #text = ''

  get text(): string {
    return this.#text
  }

  add(sample: Sample): void {
    this.#text = (this.#text + signOf(sample)).slice(-lengthSamples)
  }
}

function signOf(sample: Sample): string {
  switch (sample.name) {
    case 'heard': {
      const level = Math.ceil(Math.log2(sample.ms / lowestMs))
      return bars[Math.min(Math.max(0, level), bars.length - 1)]!
    }
    case 'silent':
      return silentSign
    case 'away':
      return awaySign
  }
}
