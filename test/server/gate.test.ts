// Who gets in: verifyClient, origins and authenticate, on new links and on those that resume.

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { Refusal } from '../../packages/holdfast/src/server.ts'
import { begin, dial, refusal, refusedUpgrade, resume } from './script-client.ts'
import { startServer, turn } from './server.ts'

const tokens = ['holdfast.off', 'holdfast.v1']
const resumeTokens = ['holdfast.off', 'holdfast.v1.resume']
const as = (user: string) => ({ headers: { authorization: user } })

describe('origins', { timeout: 60_000 }, () => {
  const origins = ['https://good.test', /https:\/\/\w+\.good\.test/]

  test('on the list get in, and who has none', async () => {
    await using path = await startServer({ origins })
    await begin(path.url)
    await begin(path.url, { origin: 'https://good.test' })
    await begin(path.url, { origin: 'https://www.good.test' })
    await dial(path.url, [], { origin: 'https://good.test' })
    assert.equal(path.sockets.length, 4)
  })

  for (const origin of ['https://evil.test', 'https://www.good.test.evil.test', 'http://good.test', 'null'])
    test(`${origin} is refused with 403`, async () => {
      await using path = await startServer({ origins })
      assert.equal((await refusedUpgrade(path.url, tokens, { origin })).statusCode, 403)
      assert.equal((await refusedUpgrade(path.url, [], { origin })).statusCode, 403)
      assert.equal(path.sockets.length, 0)
    })

  test('are asked of a function, with the request', async () => {
    await using path = await startServer({ origins: (origin, request) => origin === `https://${request.headers.host}` })
    await begin(path.url, { origin: path.url.replace('ws:', 'https:') })
    assert.equal((await refusedUpgrade(path.url, tokens, { origin: 'https://evil.test' })).statusCode, 403)
  })

  test('that are wrong are told in the protocol to who resumes', async () => {
    await using path = await startServer({ origins })
    const { welcome } = await begin(path.url)
    assert.deepEqual(await refusal(path.url, welcome, {}, { origin: 'https://evil.test' }), { why: 'origin' })
    assert.equal((await path.socket()).attached, true)
  })
})

describe('authenticate', { timeout: 60_000 }, () => {
  for (const isAsync of [false, true]) {
    const how = isAsync ? 'later' : 'at once'
    const answer = <T>(value: T): T | Promise<T> => (isAsync ? turn().then(() => value) : value)

    test(`that answers ${how} names the principal, for sessions and plain clients`, async () => {
      await using path = await startServer({ authenticate: (request) => answer({ id: request.headers.authorization, extra: 1 }) })
      await begin(path.url, as('ann'))
      await dial(path.url, [], as('bob'))
      assert.deepEqual((await path.socket(0)).principal, { id: 'ann', extra: 1 })
      assert.deepEqual((await path.socket(1)).principal, { id: 'bob', extra: 1 })
    })

    test(`that refuses ${how} is an HTTP status for a new link`, async () => {
      const authenticate = async () => {
        await turn()
        throw new Refusal(429, { retryAfter: 1_500, message: 'slowly' })
      }
      const atOnce = () => {
        throw new Refusal(401)
      }
      await using path = await startServer({ authenticate: isAsync ? authenticate : atOnce })
      for (const offer of [tokens, []]) {
        const response = await refusedUpgrade(path.url, offer)
        assert.deepEqual([response.statusCode, response.headers['retry-after']], isAsync ? [429, '2'] : [401, undefined])
      }
      assert.equal(path.sockets.length, 0)
    })

    test(`that refuses ${how} is told in the protocol to who resumes`, async () => {
      let isRevoked = false
      const seen: boolean[] = []
      await using path = await startServer({
        authenticate: (_, { resuming }) => {
          seen.push(resuming)
          if (!isRevoked) return answer('ann')
          if (isAsync) return turn().then(() => Promise.reject(new Refusal(403)))
          throw new Refusal(403)
        },
      })
      const { welcome } = await begin(path.url)
      isRevoked = true
      assert.deepEqual(await refusal(path.url, welcome), { why: 'auth' })
      assert.deepEqual(seen, [false, true])
      isRevoked = false
      await resume(path.url, welcome)
    })
  }

  test('a connection is announced in the turn of its upgrade where nothing has to be waited for', async () => {
    await using path = await startServer({ authenticate: () => 'ann' })
    const order: string[] = []
    path.server.on('connection', () => order.push('connection'))
    const { handleUpgrade } = path.server
    path.server.handleUpgrade = function (...details) {
      handleUpgrade.apply(this, details)
      order.push('upgraded')
    }
    await begin(path.url)
    await dial(path.url, [])
    assert.deepEqual(order, ['connection', 'upgraded', 'connection', 'upgraded'])
  })

  test('what passes by itself does not end a session: a status, as for a new link', async () => {
    let isBusy = false
    await using path = await startServer({
      authenticate: () => {
        if (isBusy) throw new Refusal(503, { retryAfter: 1_000 })
        return 'ann'
      },
    })
    const { welcome, link } = await begin(path.url)
    link.reset()
    isBusy = true
    assert.equal((await refusedUpgrade(path.url, resumeTokens)).statusCode, 503)
    isBusy = false
    await resume(path.url, welcome)
  })

  test('somebody else does not resume, whatever he knows: unknown', async () => {
    await using path = await startServer({ authenticate: (request) => request.headers.authorization })
    const { welcome } = await begin(path.url, as('ann'))
    assert.deepEqual(await refusal(path.url, welcome, {}, as('bob')), { why: 'unknown' })
    await resume(path.url, welcome, {}, as('ann'))
  })

  test('a principal has so many sessions and no more', async () => {
    await using path = await startServer({
      session: { maxPerPrincipal: 1 },
      authenticate: (request) => ({ id: request.headers.authorization }),
    })
    await begin(path.url, as('ann'))
    const link = await dial(path.url, ['holdfast.v1'], as('ann'))
    assert.equal(JSON.parse(await link.nextControl('X')).why, 'busy')
    await begin(path.url, as('bob'))
  })

  test('that fails is a 500 and a line for the logger', async () => {
    const lines: string[] = []
    const log = (_: object, text?: string) => lines.push(text!)
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: log }
    const results = [() => Promise.reject(new Error('no database')), () => ({ name: 'nobody could resume as this' })]
    for (const authenticate of results) {
      await using path = await startServer({ logger, authenticate })
      assert.equal((await refusedUpgrade(path.url, tokens)).statusCode, 500)
    }
    assert.equal(lines.length, 2)
    assert.match(lines[0]!, /authenticate failed/)
  })
})

describe('verifyClient', { timeout: 60_000 }, () => {
  test('is asked for every link, new or resuming, before authenticate', async () => {
    const order: string[] = []
    await using path = await startServer({
      verifyClient: ({ req }: { req: IncomingMessage }) => {
        order.push(`verify ${req.url}`)
        return req.url !== '/no'
      },
      authenticate: () => {
        order.push('authenticate')
        return 'ann'
      },
    })
    const { welcome } = await begin(`${path.url}/yes`)
    await resume(`${path.url}/again`, welcome)
    assert.equal((await refusedUpgrade(`${path.url}/no`, resumeTokens)).statusCode, 401)
    assert.deepEqual(order, ['verify /yes', 'authenticate', 'verify /again', 'authenticate', 'verify /no'])
  })

  test('may answer later, with a status and headers', async () => {
    await using path = await startServer({
      verifyClient: (_, answer) => setImmediate(() => answer(false, 404, 'not here', { 'x-reason': 'none' })),
    })
    const response = await refusedUpgrade(path.url, tokens)
    assert.deepEqual([response.statusCode, response.headers['x-reason']], [404, 'none'])
  })
})

test('a refusal has one of the statuses that say something', () => {
  assert.throws(() => new Refusal(200 as 401), TypeError)
  assert.equal(new Refusal(403).message, 'Forbidden')
})
