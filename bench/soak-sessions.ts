/**
 * Sessions with nothing but the defaults, for as long as somebody has patience: `npm run soak:sessions [-- --minutes 30] [--clients 20] [--seed 1]`.
 *
 * Each client has a network of its own, which cuts, resets, refuses, freezes either way or both, delays, slices and throttles, drawn by a
 * seed. Numbered messages go both ways all the time, and each has to arrive once, in order and whole; at the end every session ends
 * in order, and nothing is left at either end. Ends with 1 otherwise.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { WebSocket } from 'holdfast'
import { FaultProxy, playSchedule, randomSchedule } from '../packages/holdfast-cli/src/fault/index.ts'
import { Sequence } from './soak/sequence.ts'
import type { ServerReport } from './soak/session-server.ts'

const usageError = 2
const msPerMinute = 60_000
const sendEveryMs = 200
const tellEveryMs = msPerMinute
/** A fault about every 40 s that lasts 15 s on average: long enough, at times, for a silent link to be noticed, and for a few redials to fail. */
const weather = { meanGapMs: 40_000, meanLastingMs: 15_000 }
/** The backoff's cap, a dial's longest timeout, and what has piled up. */
const calmMs = 120_000
const lookMs = 200

interface Traveller {
  readonly socket: WebSocket
  readonly sequence: Sequence
  readonly proxy: FaultProxy
  /** Resolves when the weather is over. */
  readonly storm: Promise<void>
}

const { minutes, clients, seed } = readOptions()
const durationMs = minutes * msPerMinute
const server = fork(fileURLToPath(new URL('./soak/session-server.ts', import.meta.url)))
const [{ port }] = (await once(server, 'message')) as [{ port: number }]
const counts = { lost: 0, resumed: 0, downtimeMs: 0, longestMs: 0 }
const faults: string[] = []

const travellers = await Promise.all(Array.from({ length: clients }, (_, number) => setOut(number)))
const startedAt = performance.now()
const pouring = setInterval(() => {
  for (const { socket, sequence } of travellers) if (socket.readyState === WebSocket.OPEN) socket.send(sequence.next())
}, sendEveryMs)
const telling = setInterval(async () => tell(await report()), tellEveryMs)
await Promise.all(travellers.map(({ storm }) => storm))
clearInterval(pouring)
clearInterval(telling)
conclude(await end())

async function setOut(number: number): Promise<Traveller> {
  const proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port } })
  const sequence = new Sequence()
  const socket = new WebSocket(`${proxy.url}/?client=${number}`, [], { resume: true })
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => sequence.take(typeof data === 'string' ? data : new Uint8Array(data))
  socket.onclose = ({ code, cause, reason, wasClean }) => {
    if (!wasClean) faults.push(`client ${number} was closed: ${code} ${cause} ${reason}`)
  }
  socket.addEventListener('lost', () => counts.lost++)
  socket.addEventListener('resumed', ({ detail }) => {
    counts.resumed++
    counts.downtimeMs += detail.downtime
    counts.longestMs = Math.max(counts.longestMs, detail.downtime)
  })
  await socket.opened
  const schedule = randomSchedule({ seed: seed + number, durationMs, ...weather })
  return { socket, sequence, proxy, storm: playSchedule(proxy, schedule) }
}

/** What the server has seen, once all that is under way has arrived or patience is at an end. */
async function end(): Promise<ServerReport> {
  let seen = await report('stop')
  for (const until = performance.now() + calmMs; performance.now() < until && !isAllThere(seen); seen = await report()) await sleep(lookMs)
  if (!isAllThere(seen)) faults.push('not everything had arrived when the network had been well for two minutes')
  for (const { socket } of travellers) socket.close(1000)
  await Promise.all(travellers.map(({ socket }) => socket.closed))
  await sleep(lookMs) // the server waits for the last acknowledgements
  await Promise.all(travellers.map(({ proxy }) => proxy.close()))
  await report('close')
  await sleep(lookMs)
  return await report()
}

function isAllThere({ sent, received }: ServerReport): boolean {
  return travellers.every(({ sequence }, number) => sequence.sent === received[number] && sequence.received === sent[number])
}

async function report(question = 'report'): Promise<ServerReport> {
  const answer = once(server, 'message')
  server.send(question)
  return (await answer)[0]
}

function tell({ resumptions, heapUsed }: ServerReport): void {
  const passed = Math.round((performance.now() - startedAt) / msPerMinute)
  const received = travellers.reduce((sum, { sequence }) => sum + sequence.received, 0)
  const wrong = faults.length + travellers.reduce((sum, { sequence }) => sum + sequence.faults.length, 0)
  const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
  console.log(
    `${String(passed).padStart(4)} min  ${received} received, ${counts.lost} links lost, ${resumptions} resumptions, ${wrong} faults, heap ${megabytes(process.memoryUsage().heapUsed)} / ${megabytes(heapUsed)} MB`,
  )
}

function conclude(seen: ServerReport): void {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
  const wrong = [...faults, ...travellers.flatMap(({ sequence }) => sequence.faults), ...seen.faults]
  const unclean = seen.closes.filter((each) => each !== '1000 clean')
  if (unclean.length > 0 || seen.closes.length !== clients) wrong.push(`the server saw these ends: ${seen.closes.join(', ')}`)
  if (seen.sessions > 0) wrong.push(`the server still has ${seen.sessions} sessions`)
  const timers = seen.activeResources.filter((name) => name === 'Timeout')
  if (timers.length > 0) wrong.push(`the server still has ${timers.length} timers`)
  console.log(`
${minutes} minutes, ${clients} sessions at the defaults, seed ${seed}
sent and received     ${sum(seen.received)} to the server, ${sum(seen.sent)} to the clients
links lost            ${counts.lost}
resumptions           ${counts.resumed}, on average ${Math.round(counts.downtimeMs / Math.max(1, counts.resumed))} ms after the loss, at most ${Math.round(counts.longestMs)} ms
lost, twice, out of order, spoilt, not closed in order   ${wrong.length}`)
  for (const each of wrong.slice(0, 20)) console.log(`  ${each}`)
  process.exitCode = wrong.length === 0 ? 0 : 1
  server.disconnect()
}

function readOptions(): { minutes: number; clients: number; seed: number } {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      clients: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
    },
  })
  const read = (name: keyof typeof values, least: number): number => {
    const value = Number(values[name])
    if (Number.isFinite(value) && value >= least) return value
    console.error(`--${name} must be a number of at least ${least}; got ${values[name]}`)
    process.exit(usageError)
  }
  return { minutes: read('minutes', 1), clients: Math.floor(read('clients', 1)), seed: Math.floor(read('seed', 0)) }
}
