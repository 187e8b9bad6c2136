// What close() of a server ends, and what is left: nothing.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type SessionSocket, WebSocketServer } from '../../packages/holdfast/src/server.ts'
import { begin, dial, refusedUpgrade } from './script-client.ts'
import { next, startServer } from './server.ts'

const root = join(import.meta.dirname, '../..')
const patienceMs = 30_000

describe('close()', { timeout: 60_000 }, () => {
  test('ends sessions without a link at once, and leaves the others to the application', async () => {
    await using path = await startServer()
    const { link: gone } = await begin(path.url)
    await begin(path.url)
    const [away, attached] = [await path.socket(0), await path.socket(1)]
    const lost = next(away, 'lost')
    gone.reset()
    await lost
    const closed = next(away, 'close')
    const all = next(path.server, 'close')
    path.server.close()
    assert.equal((await closed)[0], 1006)
    assert.equal(attached.readyState, 1)
    attached.terminate()
    await all
    assert.equal(path.server.clients.size, 0)
  })

  test('ends a session that loses its link afterwards: nobody could come back', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const socket = await path.socket()
    path.server.close()
    const closed = next(socket, 'close')
    link.reset()
    assert.equal((await closed)[0], 1006)
  })

  test('calls back, and with an error the second time', async () => {
    await using path = await startServer()
    await new Promise<void>((resolve) => path.server.close(() => resolve()))
    const error = await new Promise<Error | undefined>((resolve) => path.server.close(resolve))
    assert.match(error!.message, /not running/)
  })

  test('without a server of its own refuses with 503, and is over when its last session is', async () => {
    const http = createServer()
    const server = new WebSocketServer({ noServer: true })
    const sockets: SessionSocket[] = []
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, (client) => sockets.push(client)))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`
    await begin(url)
    const closed = next(server, 'close')
    server.close()
    assert.equal((await refusedUpgrade(url, ['holdfast.off', 'holdfast.v1'])).statusCode, 503)
    assert.equal((await refusedUpgrade(url, [])).statusCode, 503)
    sockets[0]!.terminate()
    await closed
    http.close()
  })

  test('by disposal ends everybody', async () => {
    const path = await startServer()
    const { link } = await begin(path.url)
    const plain = await dial(path.url, [])
    await path.socket(1)
    await path[Symbol.asyncDispose]()
    assert.equal((await link.closed).code, 3805)
    assert.equal((await plain.closed).code, 1006)
  })
})

/** A whole program; rejects when the process must be ended from outside. */
function run(script: string): Promise<string> {
  const program = `
    import { WebSocketServer } from './packages/holdfast/src/server.ts'
    import { begin, dial } from './test/server/script-client.ts'
    import { next } from './test/server/server.ts'
    ${script}`
  const args = ['--conditions=holdfast-source', '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: root, timeout: patienceMs }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.killed ? `it still ran after ${patienceMs} ms` : error.message}\n${stderr}`))
      else resolve(stdout.trim())
    })
  })
}

const start = `
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await next(server, 'listening')
  const url = 'ws://127.0.0.1:' + server.address().port`

describe('a process ends by itself when', { timeout: 90_000 }, () => {
  test('its server closed with a session attached, one away and a plain client', async () => {
    const said = await run(`${start}
      const { link } = await begin(url)
      const { link: gone } = await begin(url)
      const plain = await dial(url, [])
      const lost = next([...server.clients][1], 'lost')
      gone.reset()
      await lost
      server.close(() => console.log('closed', server.clients.size))
      for (const client of server.clients) client.terminate()`)
    assert.equal(said, 'closed 0')
  })

  test('its server is only on paper, and a session is away', async () => {
    const said = await run(`${start}
      const { link } = await begin(url)
      const [socket] = server.clients
      const lost = next(socket, 'lost')
      link.reset()
      await lost
      server._server.close()
      console.log(socket.readyState)`)
    assert.equal(said, '1')
  })
})
