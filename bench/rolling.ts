// A deploy: two servers behind HAProxy are restarted one after the other under load: `rolling.ts [--clients 200]`. Prints what became of
// sessions and messages, and how long clients were without a session. Ends with 1 where a session did not end in order.

import { parseArgs } from 'node:util'
import { rollingRestart } from '../test/session/rolling.ts'

const usageError = 2
const { values } = parseArgs({ options: { clients: { type: 'string', default: '200' }, rate: { type: 'string', default: '100' } } })
const [clients, rate] = [Number(values.clients), Number(values.rate)]
if (!Number.isInteger(clients) || clients < 1 || !(rate > 0)) {
  console.error(`--clients must be a whole number above 0 and --rate a number above 0; got ${values.clients} and ${values.rate}`)
  process.exit(usageError)
}

const { closes, gaps, ends, sent, drains } = await rollingRestart({ clients, everyMs: 50, rate })
const drained = closes.filter(({ willReconnect }) => willReconnect)
const isInOrder = drained.every(({ wasClean, cause }) => wasClean && cause === 'drain') && ends.every((end) => end.isInOrder)
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
const unconfirmed = { clients: sum(closes.map((close) => close.unconfirmed.length)), servers: sum(ends.map((end) => end.unconfirmed)) }
const sorted = [...gaps].sort((one, other) => one - other)
const at = (share: number): string => `${Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0)} ms`

console.log(`${clients} clients, ${sum(sent)} messages, ${drained.length} sessions ended by a restart, at ${rate} a second
  ended in order     ${isInOrder ? 'all' : 'NOT all'}; forced: ${sum(drains.map(({ forced }) => forced))}
  unconfirmed        ${unconfirmed.clients} at clients, ${unconfirmed.servers} at servers
  to the next open   50 %: ${at(0.5)}, 99 %: ${at(0.99)}, all: ${at(1)}`)
if (!isInOrder || unconfirmed.clients + unconfirmed.servers > 0) process.exitCode = 1
