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
  readonly clients: readonly string[]
  readonly absent: readonly string[]
}

const nameWidth = 11

export function introduction(start: Start, colours: Colours): string[] {
  const { url, seed, durationMs, tuning } = start
  const end = durationMs === null ? 'until you press q' : `for ${seconds(durationMs)}`
  const scene =
    seed === null
      ? [`Here is a ReconnectingWebSocket to ${colours.bold(url)}, ${end}.`, 'No faults are made: this is the link as it is.']
      : comparison(start, end, colours)
  const origin: [name: string, text: string][] = seed === null ? [] : [['seed', `${seed}; --seed ${seed} repeats these faults`]]
  const rows = [...origin, ...describeTuning(tuning)]
  return [...scene, ...rows.map(([name, text]) => `  ${colours.dim(name.padEnd(nameWidth))}${text}`), '']
}

const kinds: Readonly<Record<string, string>> = {
  plain: 'a ReconnectingWebSocket',
  resumable: 'a ReconnectingWebSocket with resume: true',
}

function comparison({ url, clients, absent }: Start, end: string, colours: Colours): string[] {
  return [
    `Here are clients that each send a numbered message every 0.1 s, ${end}, to a plain server that sends it back`,
    `and tells the time every second. Between them are a network that breaks (${colours.bold(url)}) and the gateway:`,
    ...clients.map((name) => `  ${colours.dim(name.padEnd(nameWidth))}${kinds[name] ?? ', the package'}`),
    ...absent.map((name) => `  (${name} would be here too, but is not installed: it is left out)`),
  ]
}

/** What to type in another terminal. @param url of the gateway */
export function connectLines(url: string, colours: Colours): string[] {
  const program = isScript() ? 'npm run --silent holdfast --' : 'holdfast'
  const { host } = new URL(url)
  return [
    '',
    'Connect with:',
    `  ${colours.bold(`${program} connect ${url}/ --resume`)}`,
    'or over a network that breaks:',
    `  ${colours.bold(`${program} chaos ${host} --listen 8081 --seed 7`)}`,
    `  ${colours.bold(`${program} connect ws://127.0.0.1:8081/ --resume`)}`,
    'Ctrl-C ends it.',
    '',
  ]
}

export function tryNext({ url, seed }: { readonly url: string | undefined; readonly seed: number }, colours: Colours): string {
  const [bare, withArguments] = isScript() ? ['npm start', 'npm start --'] : ['holdfast demo', 'holdfast demo']
  const [first, second] =
    url === undefined
      ? [`${withArguments} --upstream ws://… (your own server, with sessions)`, `${withArguments} --seed ${(seed + 1) >>> 0}`]
      : [bare, `${withArguments} --json ${url}`]
  return `Try next: ${colours.bold(first)}, or ${colours.bold(second)}`
}

/** Whether it was started as `npm start`. */
function isScript(): boolean {
  const { npm_lifecycle_event: script } = process.env
  return script === 'start'
}
