// A `ws` client in a process of its own, for tests that need it on another host: `node client-process.ts <url>` says what
// happens as one event a line and pings at once when it reads a line. It ends when its standard input does.

import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

const [, , url = ''] = process.argv
const socket = new WebSocket(url)
const report = (line: Record<string, unknown>): boolean => process.stdout.write(`${JSON.stringify(line)}\n`)

socket.on('open', () => report({ event: 'open' }))
socket.on('message', (data) => report({ event: 'message', data: String(data) }))
socket.on('pong', () => report({ event: 'pong' }))
socket.on('error', (error) => report({ event: 'error', error: error.message }))
socket.on('close', (code, reason) => report({ event: 'closed', code, reason: String(reason) }))
createInterface({ input: process.stdin })
  .on('line', () => socket.ping())
  .on('close', () => process.exit())
