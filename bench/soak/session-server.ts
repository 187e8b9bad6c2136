// A server of sessions with nothing but its defaults, which sends numbered messages and checks those that come. Run by `fork`: it sends its
// port, answers each question with what it has seen so far, and ends when whoever started it is gone.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'holdfast/server'
import { Sequence } from './sequence.ts'

/** Everything that the sessions of a server have been through. */
export interface ServerReport {
  readonly sessions: number
  readonly resumptions: number
  readonly sent: readonly number[]
  readonly received: readonly number[]
  readonly faults: readonly string[]
  readonly closes: readonly string[]
  readonly heapUsed: number
  readonly activeResources: readonly string[]
}

const everyMs = 200

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
const sequences: Sequence[] = []
const closes: string[] = []
let resumptions = 0
let isPouring = true

server.on('connection', (socket, request) => {
  const number = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('client'))
  const sequence = new Sequence()
  if (sequences[number]) sequence.faults.push(`client ${number} has a second session`)
  sequences[number] = sequence
  socket.on('message', (data, isBinary) => sequence.take(isBinary ? (data as Buffer) : String(data)))
  socket.on('resumed', () => resumptions++)
  const timer = setInterval(() => isPouring && socket.send(sequence.next()), everyMs)
  socket.on('close', (code) => {
    clearInterval(timer)
    closes.push(`${code} ${socket.closeInfo?.wasClean ? 'clean' : 'not clean'}`)
  })
})

process.on('message', (question) => {
  if (question === 'stop') isPouring = false
  if (question === 'close') server.close()
  const report: ServerReport = {
    sessions: server.stats.sessions,
    resumptions,
    sent: sequences.map(({ sent }) => sent),
    received: sequences.map(({ received }) => received),
    faults: sequences.flatMap(({ faults }) => faults),
    closes,
    heapUsed: process.memoryUsage().heapUsed,
    activeResources: process.getActiveResourcesInfo(),
  }
  process.send?.(report, undefined, undefined, () => {}) // who asked may be gone
})
process.on('disconnect', () => process.exit())
await once(server, 'listening')
process.send?.({ port: (server.address() as AddressInfo).port })
