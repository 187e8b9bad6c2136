// A process with nothing but suspended or closed sockets ends by itself.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Server, startServer } from './server.ts'

const root = join(import.meta.dirname, '../..')
const patienceMs = 30_000

/** A whole program; `url`, `ReconnectingWebSocket` and `WebSocket` are there. Rejects when the process must be ended from outside. */
function run(url: string, transport: string, script: string): Promise<string> {
  const program = `
    import * as holdfast from 'holdfast'
    const options = ${transport}
    const ReconnectingWebSocket = holdfast.ReconnectingWebSocket.with({ retry: false, ...options })
    const WebSocket = holdfast.WebSocket.with(options)
    const url = ${JSON.stringify(url)}
    const next = (socket, type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }))
    ${script}`
  const args = ['--conditions=holdfast-source', '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: root, timeout: patienceMs }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.killed ? `it still ran after ${patienceMs} ms` : error.message}\n${stderr}`))
      else resolve(stdout.trim())
    })
  })
}

interface End {
  readonly endpoint: string
  readonly script: string
  /** What the program prints. */
  readonly said: string
  /** Not promised over the WebSocket of the platform: its `close()` waits for the peer for as long as TCP does, and it has no other way out. */
  readonly only?: 'ws'
}

const ends: Record<string, End> = {
  'a strict socket was closed by the peer': {
    endpoint: 'close?code=1000',
    script: `const { code } = await new WebSocket(url).closed
    console.log(code)`,
    said: '1000',
  },
  'a strict socket was refused': { endpoint: 'refuse', script: 'console.log((await new WebSocket(url).closed).code)', said: '1006' },
  'it closed an open socket': {
    endpoint: 'echo',
    script: `const socket = new ReconnectingWebSocket(url)
    await socket.opened
    socket.close()
    console.log((await socket.closed).code)`,
    said: '1005',
  },
  'a socket gave up': {
    endpoint: 'refuse',
    script: `const socket = new ReconnectingWebSocket(url)
    await next(socket, 'giveup')
    console.log(socket.status.state)`,
    said: 'suspended',
  },
  'a session was lost and the socket gave up': {
    endpoint: 'close?code=0',
    script: `const socket = new ReconnectingWebSocket(url)
    await next(socket, 'giveup')
    console.log(socket.status.state)`,
    said: 'suspended',
  },
  'a socket was never started': {
    endpoint: 'echo',
    script: `console.log(new (ReconnectingWebSocket.with({ autoStart: false }))(url).status.state)`,
    said: 'idle',
  },
  'it closed a socket during the handshake': {
    endpoint: 'hang',
    script: `const socket = new ReconnectingWebSocket(url)
    setTimeout(() => socket.close(), 50)
    console.log((await socket.closed).code)`,
    said: '1005',
  },
  'a handshake was never answered': {
    endpoint: 'hang',
    script: `const socket = new (WebSocket.with({ connectTimeout: 50 }))(url)
    console.log((await socket.closed).cause)`,
    said: 'connect-timeout',
  },
  'it aborted a socket whose peer is silent': {
    endpoint: 'silent',
    script: `const controller = new AbortController()
    const socket = new (WebSocket.with({ signal: controller.signal }))(url)
    await socket.opened
    controller.abort()
    console.log((await socket.closed).cause)`,
    said: 'aborted',
    only: 'ws',
  },
  'it closed a socket whose peer does not answer': {
    endpoint: 'silent',
    script: `const socket = new (WebSocket.with({ closeTimeout: 50 }))(url)
    await socket.opened
    socket.close()
    console.log((await socket.closed).code)`,
    said: '1006',
    only: 'ws',
  },
  'it closed a socket between dials': {
    endpoint: 'refuse',
    script: `const socket = new (ReconnectingWebSocket.with({ retry: {} }))(url)
    await next(socket, 'retry')
    socket.close()
    console.log((await socket.closed).code)`,
    said: '1005',
  },
}

for (const [name, transport] of [
  ['ws', '{}'],
  ['the WebSocket of the platform', '{ WebSocket: globalThis.WebSocket }'],
] as const)
  describe(`a process ends by itself over ${name} when`, { concurrency: 2 }, () => {
    let server: Server
    before(async () => {
      server = await startServer()
    })
    after(() => server.stop())

    for (const [what, { endpoint, script, said }] of Object.entries(ends).filter(([, { only }]) => (only ?? name) === name))
      test(what, async () => {
        assert.equal(await run(server.address(endpoint).url, transport, script), said)
      })
  })
