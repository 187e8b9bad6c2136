// A server in a process of its own that is shut down by signals. It answers each message; on standard output it says its port first and then what
// happens, one line of JSON each. `/ready` answers whether it is. It ends by itself, and when its standard input does.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gracefulShutdown, WebSocketServer } from '../../packages/holdfast/src/server.ts'

const [port = '0', delay = '0', rate = '1000', timeout = '25000'] = process.argv.slice(2)
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

let isReady = true
const http = createServer((_, response) => response.writeHead(isReady ? 200 : 503).end())
const server = new WebSocketServer({ server: http })
server.on('connection', (socket) => {
  say({ event: 'open' })
  // Messages of a client are its number and theirs, which goes up by one.
  const numbers: number[] = []
  let client = -1
  socket.on('message', (data) => {
    const [sender, number] = String(data).split(' ').map(Number)
    client = sender!
    numbers.push(number!)
    socket.send(data)
  })
  socket.on('close', (code) => {
    const isInOrder = numbers.every((number, index) => number === numbers[0]! + index)
    const unconfirmed = socket.closeInfo?.unconfirmed.length ?? 0
    say({ event: 'end', client, first: numbers[0], last: numbers.at(-1), isInOrder, code, unconfirmed })
  })
})
http.listen(Number(port), '127.0.0.1', () => say({ port: (http.address() as AddressInfo).port }))
process.stdin.on('end', () => process.exit()).resume()
process.stdin.unref()

const onDraining = () => {
  isReady = false
  say({ event: 'draining', isRefusing: server.stats.draining })
}
const result = await gracefulShutdown(server, { onDraining, delay: Number(delay), rate: Number(rate), timeout: Number(timeout) })
http.close()
http.closeAllConnections()
say({ event: 'over', ...result, listeners: process.listenerCount('SIGTERM') + process.listenerCount('SIGINT') })
