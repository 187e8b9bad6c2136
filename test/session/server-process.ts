// A server of sessions in a process of its own, which can be stopped or killed. It echoes, and says on standard output what happens, one line of
// JSON each: its port first, then `open`, `message`, `lost`, `resumed` and `close`. It ends when its standard input does.

import type { AddressInfo } from 'node:net'
import { type SessionSocket, WebSocketServer } from '../../packages/holdfast/src/server.ts'

const port = Number(process.argv[2] ?? 0)
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

const server = new WebSocketServer({ port, host: '127.0.0.1', heartbeat: { interval: 100, timeout: 200 } })
server.on('listening', () => say({ port: (server.address() as AddressInfo).port }))
server.on('connection', (socket: SessionSocket) => {
  say({ event: 'open' })
  socket.on('message', (data, isBinary) => {
    say({ event: 'message', data: String(data) })
    socket.send(data, { binary: isBinary })
  })
  socket.on('lost', () => say({ event: 'lost' }))
  socket.on('resumed', () => say({ event: 'resumed' }))
  socket.on('close', (code) => say({ event: 'close', code }))
})
process.stdin.on('end', () => process.exit()).resume()
