// The client in examples/python-client, which shares nothing with this project but the protocol, against its vectors and its server.

import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FaultProxy } from '../../packages/holdfast-cli/src/fault/index.ts'
import { inTime } from '../fault/patience.ts'
import { startServer, type TestServer } from '../server/server.ts'
import { python } from './python.ts'
import { needs } from './requirement.ts'

const folder = fileURLToPath(new URL('../../examples/python-client/', import.meta.url))

/** A server that sends back whatever it is sent. */
async function startEcho(): Promise<TestServer> {
  const path = await startServer()
  path.server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
  return path
}

/** The example: a line of its standard input is a message, and a message is a line of its standard output. */
function startClient(t: TestContext, url: string): ChildProcessWithoutNullStreams {
  const child = spawn(python, ['-B', '-m', 'holdfast_client', url], { cwd: folder })
  child.stdin.on('error', () => {})
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function endOf(child: ChildProcessWithoutNullStreams): Promise<{ status: number | null; stderr: string }> {
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [status] = (await inTime(once(child, 'close'), 'end of the client')) as [number | null]
  return { status, stderr }
}

describe('a python client of the protocol', { timeout: 90_000, ...needs('python') }, () => {
  test('agrees with every vector', async () => {
    await promisify(execFile)(python, ['-B', '-m', 'unittest'], { cwd: folder, timeout: 60_000 })
  })

  test('gets 500 messages back, in order and once, while its link is reset again and again', async (t) => {
    const count = 500
    const window = 40
    const resetsAt = new Set([60, 150, 240, 330])
    await using path = await startEcho()
    const proxy = await FaultProxy.listen({ upstream: path.url, delay: { ms: 2, jitter: 2 } })
    t.after(() => proxy.close())
    const child = startClient(t, proxy.url)
    const end = endOf(child)
    const received: string[] = []
    let sent = 0
    const fill = (): void => {
      while (sent < Math.min(count, received.length + window)) child.stdin.write(`message ${++sent}\n`)
      if (sent === count) child.stdin.end()
    }
    createInterface({ input: child.stdout }).on('line', (line) => {
      received.push(line)
      if (resetsAt.has(received.length)) proxy.reset()
      fill()
    })
    fill()
    assert.deepEqual(await end, { status: 0, stderr: '' })
    assert.deepEqual(
      received,
      Array.from({ length: count }, (_, index) => `message ${index + 1}`),
    )
    assert.equal(proxy.stats.resets, resetsAt.size)
    assert.equal(proxy.stats.accepted, resetsAt.size + 1)
    assert.equal(path.sockets.length, 1, 'one session')
  })

  test('says so and fails when the session is lost', async (t) => {
    await using path = await startEcho()
    const child = startClient(t, path.url)
    const end = endOf(child)
    const socket = await path.socket()
    socket.terminate()
    const { status, stderr } = await end
    assert.equal(status, 1)
    assert.match(stderr, /^ended with 1006 session-lost:abandoned, 0 messages unconfirmed\n$/)
  })
})
