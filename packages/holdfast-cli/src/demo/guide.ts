/** The words around the timeline: what is shown, and what to try next. */

import type { Colours } from '../colour.ts'
import { seconds } from '../terminal/duration.ts'
import { describeTuning, type Tuning } from './tuning.ts'

export interface Start {
  readonly url: string
  /** Null: no faults are made. */
  readonly seed: number | null
  readonly durationMs: number | null
  readonly tuning: Tuning
}

const nameWidth = 10

export function introduction({ url, seed, durationMs, tuning }: Start, colours: Colours): string[] {
  const end = durationMs === null ? 'until you press q' : `for ${seconds(durationMs)}`
  const target = `a ReconnectingWebSocket to ${colours.bold(url)}, ${end}.`
  const scene =
    seed === null
      ? [`Here is ${target}`, 'No faults are made: this is the link as it is.']
      : ['Here are a server that counts aloud every 0.1 s, a network that breaks,', `and ${target}`]
  const origin: [name: string, text: string][] = seed === null ? [] : [['seed', `${seed}; --seed ${seed} repeats these faults`]]
  const rows = [...origin, ...describeTuning(tuning)]
  return [...scene, ...rows.map(([name, text]) => `  ${colours.dim(name.padEnd(nameWidth))}${text}`), '']
}

export function tryNext({ url, seed }: { readonly url: string | undefined; readonly seed: number }, colours: Colours): string {
  const { npm_lifecycle_event: script } = process.env
  const [bare, withArguments] = script === 'start' ? ['npm start', 'npm start --'] : ['holdfast demo', 'holdfast demo']
  const [first, second] =
    url === undefined
      ? [`${withArguments} --seed ${(seed + 1) >>> 0}`, `${withArguments} wss://… (a server of yours)`]
      : [bare, `${withArguments} --json ${url}`]
  return `Try next: ${colours.bold(first)}, or ${colours.bold(second)}`
}
