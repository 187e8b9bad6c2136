// How many a server takes of each kind, and what one too many is told.

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { addressOf } from '../../packages/holdfast/src/server/address.ts'
import { until } from '../fault/patience.ts'
import { begin, dial, refusedUpgrade, resume } from './script-client.ts'
import { startServer } from './server.ts'

const tokens = ['holdfast.off', 'holdfast.v1']
const resumeTokens = ['holdfast.off', 'holdfast.v1.resume']

async function text(response: IncomingMessage): Promise<string> {
  const parts = await response.toArray()
  return parts.join('')
}

describe('connections of one address', { timeout: 60_000 }, () => {
  const limits = { maxPerAddress: 2 }

  test('are counted over sessions and plain clients; one too many is told 429 and why', async () => {
    await using path = await startServer({ limits })
    await begin(path.url)
    await dial(path.url, [])
    for (const offer of [tokens, []]) {
      const response = await refusedUpgrade(path.url, offer)
      assert.deepEqual([response.statusCode, response.headers['retry-after']], [429, '30'])
    }
    assert.equal(path.sockets.length, 2)
  })

  test('free their place when they are over: a plain one when it closes, a session when it ends and not when its link does', async () => {
    await using path = await startServer({ limits })
    const plain = await dial(path.url, [])
    const { link, welcome } = await begin(path.url)
    plain.ws.close()
    await until(() => path.server.stats.plain === 0, 'close')
    const other = await dial(path.url, [])
    link.reset()
    await until(() => path.server.stats.attached === 0, 'loss')
    assert.equal((await refusedUpgrade(path.url, tokens)).statusCode, 429)
    await resume(path.url, welcome) // which has its place
    path.sockets[1]!.terminate()
    other.reset()
    await until(() => path.server.stats.plain === 0 && path.server.stats.sessions === 0, 'end')
    await begin(path.url)
    await begin(path.url)
  })

  test('do not include those that were refused', async () => {
    let isRefusing = true
    const verifyClient = () => !isRefusing
    await using path = await startServer({ limits, verifyClient, session: { maxSessions: 2 } })
    for (let dials = 0; dials < 3; dials++) assert.equal((await refusedUpgrade(path.url, tokens)).statusCode, 401)
    isRefusing = false
    await begin(path.url)
    await begin(path.url)
  })

  test('are those of whom a function says, for servers behind a proxy', async () => {
    await using path = await startServer({ limits: { maxPerAddress: 1, addressOf: (request) => String(request.headers['x-real-ip']) } })
    const from = (address: string) => ({ headers: { 'x-real-ip': address } })
    await begin(path.url, from('192.0.2.1'))
    await begin(path.url, from('192.0.2.2'))
    assert.equal((await refusedUpgrade(path.url, tokens, from('192.0.2.1'))).statusCode, 429)
  })

  for (const [remoteAddress, address] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    [undefined, ''],
  ])
    test(`${remoteAddress} is ${address || 'nowhere'}`, () => {
      assert.equal(addressOf({ socket: { remoteAddress } } as IncomingMessage), address)
    })
})

describe('handshakes', { timeout: 60_000 }, () => {
  test('that wait for authenticate are limited; one too many is told 503 and why, and nobody is kept out when they are done', async () => {
    const waiting: (() => void)[] = []
    const authenticate = () => new Promise<string>((resolve) => waiting.push(() => resolve('ann')))
    await using path = await startServer({ limits: { maxHandshakes: 2 }, authenticate })
    const [session, plain] = [begin(path.url), dial(path.url, [])]
    await until(() => waiting.length === 2, 'two handshakes')
    for (const offer of [tokens, resumeTokens, []]) {
      const response = await refusedUpgrade(path.url, offer)
      assert.deepEqual([response.statusCode, response.headers['retry-after']], [503, '1'])
    }
    for (const go of waiting.splice(0)) go()
    await Promise.all([session, plain])
    const next = begin(path.url)
    await until(() => waiting.length === 1, 'another handshake')
    waiting[0]!()
    await next
  })

  test('that verifyClient answers twice are one', async () => {
    const verifyClient = (_: unknown, answer: (isVerified: boolean) => void) => {
      answer(false)
      answer(false)
    }
    await using path = await startServer({ limits: { maxHandshakes: 1 }, verifyClient })
    for (let dials = 0; dials < 3; dials++) assert.equal((await refusedUpgrade(path.url, tokens)).statusCode, 401)
  })

  test('that are refused say why in the body', async () => {
    await using path = await startServer({ limits: { maxPerAddress: 1 } })
    await begin(path.url)
    const { WebSocket } = await import('ws')
    const ws = new WebSocket(path.url)
    ws.on('error', () => {})
    const body = await new Promise<string>((resolve) => {
      ws.once('unexpected-response', (_, response) => resolve(text(response)))
    })
    assert.equal(body, 'too many connections from this address')
  })
})

describe('sessions', { timeout: 60_000 }, () => {
  const busy = async (url: string, options?: object) => {
    const link = await dial(url, ['holdfast.v1'], options)
    return JSON.parse(await link.nextControl('X'))
  }

  test('of a server are limited, also those whose client is away; one too many is busy, and old ones are resumed', async () => {
    await using path = await startServer({ session: { maxSessions: 1 } })
    const { link, welcome } = await begin(path.url)
    link.reset()
    await until(() => path.server.stats.attached === 0, 'loss')
    const { why, after } = await busy(path.url)
    assert.ok(why === 'busy' && after >= 15_000 && after <= 45_000)
    await resume(path.url, welcome)
  })

  test('give up what they hold for others: beyond the budget the largest that is away expires, and nobody who is here', async () => {
    await using path = await startServer({ session: { maxTotalBytes: 1_000 } })
    const [small, large] = [await begin(path.url), await begin(path.url)]
    const here = await begin(path.url)
    for (const { link } of [small, large]) link.reset()
    await until(() => path.server.stats.attached === 1, 'losses')
    path.sockets[0]!.send('s'.repeat(100))
    path.sockets[1]!.send('l'.repeat(500))
    path.sockets[2]!.send('h'.repeat(600))
    await until(() => path.sockets[1]!.readyState === 3, 'expiry')
    assert.deepEqual([path.sockets[1]!.closeInfo?.reason, path.sockets[1]!.closeInfo?.unconfirmed.length], ['session-lost:expired', 1])
    assert.equal(path.server.stats.bufferedBytes, 700)
    assert.equal(await here.link.nextData(), 'h'.repeat(600))
    path.sockets[2]!.send('h'.repeat(900))
    await until(() => path.sockets[0]!.readyState === 3, 'second expiry')
    assert.equal(path.sockets[2]!.readyState, 1)
    assert.equal((await busy(path.url)).why, 'busy')
  })
})
