// What an attacker can try against sessions, and what comes of it. Each test has its paragraph in docs/guide/security.md.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { WebSocket } from 'holdfast'
import { Refusal } from '../../packages/holdfast/src/server.ts'
import { HandClock } from '../client/hand-clock.ts'
import { EventRecord, strays } from '../client/record.ts'
import { inTime, until } from '../fault/patience.ts'
import { ask, begin, cid, dial, dle, otherCid, refusal, refusedUpgrade, resume, type Welcome } from '../server/script-client.ts'
import { next, startServer, textsOf } from '../server/server.ts'
import { openPath } from './path.ts'

const sidLength = 22
const keyLength = 43
const as = (user: string) => ({ headers: { authorization: user } })
const authenticate = ({ headers }: IncomingMessage): unknown => headers.authorization

/** A class of links that shows what an attacker inside the page or the machine would see. */
function wiretap(): { readonly Tapped: typeof globalThis.WebSocket; readonly welcome: Promise<Welcome> } {
  let found!: (welcome: Welcome) => void
  const welcome = new Promise<Welcome>((resolve) => {
    found = resolve
  })
  const Tapped = class extends globalThis.WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols)
      this.addEventListener('message', ({ data }) => {
        if (typeof data === 'string' && data.startsWith(`${dle}W`)) found(JSON.parse(data.slice(2)))
      })
    }
  }
  return { Tapped: Tapped as typeof globalThis.WebSocket, welcome }
}

describe('a stolen credential', { timeout: 60_000 }, () => {
  test('takes over a session that was never resumed, and its owner is told: taken over', async () => {
    await using path = await startServer()
    const { Tapped, welcome } = wiretap()
    await using owner = new WebSocket(path.url, null, { resume: true, WebSocket: Tapped })
    const record = new EventRecord(owner)
    await record.until('open')
    const { link: thief } = await resume(path.url, await welcome, { cid: otherCid })
    const peer = await path.socket()
    peer.send('to the thief')
    assert.equal(await thief.nextData(), 'to the thief')
    const close = await record.until('close')
    assert.deepEqual([close.cause, close.code, close.willReconnect], ['taken-over', 1006, false])
    assert.equal(record.all('lost').length, 0)
  })

  test('is worth nothing once its owner has resumed: the thief is refused, the owner goes on', async () => {
    await using path = await openPath()
    const { Tapped, welcome } = wiretap()
    await using owner = new WebSocket(path.url, null, { resume: true, WebSocket: Tapped })
    const record = new EventRecord(owner)
    await record.until('open')
    const stolen = await welcome
    path.proxy.reset()
    await record.until('resumed')
    assert.equal((await refusal(path.url, stolen, { cid: otherCid, attempt: 99 })).why, 'stale')
    ;(await path.socket()).send('to the owner')
    await record.until('message')
    assert.deepEqual(record.lines.slice(-2), ['resumed 1', 'message 1 to the owner'])
  })

  test('of another user is unknown to who logs in as himself', async () => {
    await using path = await startServer({ authenticate })
    const { link, welcome } = await begin(path.url, as('ann'))
    assert.deepEqual(await refusal(path.url, welcome, { cid: otherCid }, as('bob')), { why: 'unknown' })
    assert.deepEqual(await refusal(path.url, welcome, { cid: otherCid }), { why: 'unknown' })
    ;(await path.socket()).send('to ann')
    assert.equal(await link.nextData(), 'to ann')
    await resume(path.url, welcome, {}, as('ann'))
  })

  test('is no way to a session past what others have to pass: who is unknown and begins a new one is himself, and counts', async () => {
    await using path = await startServer({ authenticate, session: { maxPerPrincipal: 1 }, limits: { maxPerAddress: 2 } })
    const { welcome } = await begin(path.url, as('ann'))
    const renewed = async (user: string) => {
      const link = await ask(path.url, welcome, { cid: otherCid }, as(user))
      assert.equal(await link.next(), `${dle}X{"why":"unknown"}`)
      link.control('N', {})
      return link
    }
    const bobs = await (await renewed('bob')).welcome()
    assert.equal((await path.socket(1)).principal, 'bob')
    assert.notEqual(bobs.sid, welcome.sid)
    for (const user of ['bob', 'eve']) assert.equal(JSON.parse(await (await renewed(user)).nextControl('X')).why, 'busy')
    await resume(path.url, welcome, {}, as('ann'))
    assert.equal(path.sockets.length, 2)
  })

  test('is refused with its user’s rights: a resumption is authenticated like any link', async () => {
    let isRevoked = false
    await using path = await startServer({
      authenticate: (request) => {
        if (isRevoked) throw new Refusal(403)
        return request.headers.authorization
      },
    })
    const { link, welcome } = await begin(path.url, as('ann'))
    link.reset()
    isRevoked = true
    assert.deepEqual(await refusal(path.url, welcome, {}, as('ann')), { why: 'auth' })
    assert.equal((await path.socket()).attached, false)
  })

  test('is in nothing that the library writes or shows: not in errors, reasons, logs, urls or stats', async () => {
    const lines: string[] = []
    const write = (fields: object, text?: string) => void lines.push(`${text} ${JSON.stringify(fields)}`)
    const logger = { debug: write, info: write, warn: write, error: write }
    await using path = await startServer({ logger })
    const { Tapped, welcome } = wiretap()
    await using owner = new WebSocket(path.url, null, { resume: true, WebSocket: Tapped, logger })
    const record = new EventRecord(owner)
    await record.until('open')
    const { key } = await welcome
    const { link: thief } = await resume(path.url, await welcome, { cid: otherCid })
    const close = await record.until('close')
    thief.control('A', 99)
    const { reason } = await inTime(thief.closed, 'end')
    const shown = [
      ...lines,
      reason,
      close.reason,
      owner.url,
      JSON.stringify([owner.status, owner.stats]),
      `${record.all('error')[0]?.error}`,
    ]
    assert.ok(lines.length > 2)
    assert.deepEqual(
      shown.filter((each) => each.includes(key)),
      [],
    )
  })
})

describe('a guessed or forged credential', { timeout: 60_000 }, () => {
  test('is answered with the same words whatever is wrong with it, so that no session can be found by asking', async () => {
    await using path = await startServer({ authenticate })
    const { welcome } = await begin(path.url, as('ann'))
    const { welcome: over } = await begin(path.url, as('ann'))
    ;(await path.socket(1)).terminate()
    const sid = 'x'.repeat(sidLength)
    const key = 'x'.repeat(keyLength)
    const answers = await Promise.all([
      refusal(path.url, welcome, { key }, as('ann')),
      refusal(path.url, welcome, { sid }, as('ann')),
      refusal(path.url, welcome, { sid, key }, as('ann')),
      refusal(path.url, over, { key }, as('ann')),
      refusal(path.url, over, {}, as('bob')),
      refusal(path.url, welcome, { recv: 5, key }, as('ann')),
      refusal(path.url, welcome, { attempt: 2 ** 53 - 1, key }, as('ann')),
    ])
    for (const answer of answers) assert.deepEqual(answer, { why: 'unknown' })
    assert.equal((await path.socket()).attached, true)
  })

  const sound = { sid: 'x'.repeat(sidLength), key: 'x'.repeat(keyLength), cid, attempt: 1, recv: 0 }
  for (const [name, forged] of [
    ['a token that is too short', { ...sound, key: 'x' }],
    ['a token that is too long', { ...sound, sid: 'x'.repeat(4_000) }],
    ['characters that no token has', { ...sound, key: `${'x'.repeat(keyLength - 1)}=` }],
    ['a number below zero', { ...sound, recv: -1 }],
    ['a number beyond 2^53', { ...sound, attempt: 2 ** 53 }],
    ['a fraction', { ...sound, recv: 0.5 }],
    ['a number as a text', { ...sound, recv: '0' }],
    ['a list', [sound]],
    ['nothing', {}],
    ['more than 4096 bytes', { ...sound, more: 'x'.repeat(5_000) }],
    ['a prototype', JSON.parse('{"__proto__":{"sid":"x"}}')],
  ] as const)
    test(`with ${name} ends the link that brings it, and nothing else`, async () => {
      await using path = await startServer()
      const { link } = await begin(path.url)
      const forger = await dial(path.url, ['holdfast.v1.resume'])
      forger.control('R', forged)
      const { code, reason } = await inTime(forger.closed, 'end')
      assert.equal(code, 3806)
      assert.ok(!reason.includes('xxx'), reason)
      ;(await path.socket()).send('goes on')
      assert.equal(await link.nextData(), 'goes on')
    })

  test('a resumption that is recorded and played again is stale, and touches nothing', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    const { link } = await resume(path.url, welcome, { attempt: 1 })
    for (const attempt of [1, 0]) assert.equal((await refusal(path.url, welcome, { attempt })).why, 'stale')
    ;(await path.socket()).send('goes on')
    assert.equal(await link.nextData(), 'goes on')
  })

  test('two thieves who race: one of them has the session, the other is told', async () => {
    await using path = await startServer()
    const { welcome } = await begin(path.url)
    const [first, second] = await Promise.all([ask(path.url, welcome), ask(path.url, welcome, { cid: otherCid })])
    const answers = [String(await first.next()), String(await second.next())].map((frame) => frame.slice(0, 2))
    assert.deepEqual(answers.sort(), [`${dle}S`, `${dle}X`])
  })
})

describe('session fixation', { timeout: 60_000 }, () => {
  test('has no way in: the server alone makes credentials, a new one for each session', async () => {
    await using path = await startServer()
    const sid = 'f'.repeat(sidLength)
    const key = 'f'.repeat(keyLength)
    const { welcome } = await begin(path.url, { headers: { cookie: `sid=${sid}` } })
    const { welcome: second } = await begin(`${path.url}/?sid=${sid}&key=${key}`)
    assert.equal(new Set([sid, welcome.sid, second.sid]).size, 3)
    assert.equal(new Set([key, welcome.key, second.key]).size, 3)
    assert.deepEqual(await refusal(path.url, { ...welcome, sid, key }), { why: 'unknown' })
  })

  test('a client that welcomes the server, or resumes on a link that has a session, breaks the protocol', async () => {
    await using path = await startServer()
    for (const [letter, payload] of [
      ['W', { sid: 'f'.repeat(sidLength), key: 'f'.repeat(keyLength), proto: '', ttl: 1, ping: 1, dead: 2, max: 1, spread: 0 }],
      ['R', { sid: 'f'.repeat(sidLength), key: 'f'.repeat(keyLength), cid, attempt: 1, recv: 0 }],
      ['S', { recv: 0, base: 0, sent: 0, ttl: 1, ping: 1, dead: 2, spread: 0 }],
    ] as const) {
      const { link } = await begin(path.url)
      link.control(letter, payload)
      assert.equal((await inTime(link.closed, 'end')).code, 3806)
    }
    assert.equal(path.server.stats.sessions, 0)
  })
})

describe('a page of another site', { timeout: 60_000 }, () => {
  const origins = ['https://app.test']

  test('opens no session and resumes none, though the browser sends the user’s cookies', async () => {
    await using path = await startServer({ origins, authenticate: (request) => request.headers.cookie })
    const headers = { cookie: 'ann' }
    const { link, welcome } = await begin(path.url, { origin: 'https://app.test', headers })
    for (const origin of ['https://evil.test', 'https://app.test.evil.test', 'null']) {
      assert.equal((await refusedUpgrade(path.url, ['holdfast.off', 'holdfast.v1'], { origin, headers })).statusCode, 403, origin)
      assert.deepEqual(await refusal(path.url, welcome, {}, { origin, headers }), { why: 'origin' }, origin)
    }
    ;(await path.socket()).send('to ann')
    assert.equal(await link.nextData(), 'to ann')
    assert.equal(path.sockets.length, 1)
  })
})

describe('a late attempt', { timeout: 60_000 }, () => {
  test('finds that the session is over, and learns what arrived only if it proves whose it was', async () => {
    await using path = await startServer({ authenticate, session: { ttl: 20 } })
    const { link, welcome } = await begin(path.url, as('ann'))
    const peer = await path.socket()
    const texts = textsOf(peer)
    link.send('1')
    await until(() => texts.length === 1, 'message')
    const closed = next(peer, 'close')
    link.reset()
    await closed
    assert.deepEqual(await refusal(path.url, welcome, {}, as('ann')), { why: 'expired', recv: 1 })
    assert.deepEqual(await refusal(path.url, welcome, {}, as('bob')), { why: 'unknown' })
    assert.deepEqual(await refusal(path.url, welcome, { key: 'x'.repeat(keyLength) }, as('ann')), { why: 'unknown' })
  })
})

describe('a flood', { timeout: 60_000 }, () => {
  const count = 20_000

  /** Another client is served all the while. */
  async function isServed(url: string): Promise<void> {
    const { link } = await begin(url)
    link.control('P', '1,0')
    assert.equal(await link.nextControl('O'), '1,0')
  }

  for (const [name, frame] of [
    ['questions', (index: number) => `${dle}P${index + 1},0`],
    ['acknowledgements that are old news', () => `${dle}A0`],
    ['answers to nothing', (index: number) => `${dle}O${index},0`],
    ['extensions that are not known', () => `${dle}z${'x'.repeat(500)}`],
  ] as const)
    test(`of ${name} costs the others nothing, and the session goes on`, async () => {
      await using path = await startServer()
      const { link } = await begin(path.url)
      for (let index = 0; index < count; index++) link.send(frame(index))
      await isServed(path.url)
      const texts = textsOf(await path.socket())
      link.send('behind it')
      await until(() => texts.length === 1, 'message')
    })

  test('of pings of WebSocket is bounded by ws, which ends the link; the session stays, and the others notice nothing', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    const peer = await path.socket()
    const lost = next(peer, 'lost')
    for (let index = 0; index < count; index++) link.ws.ping()
    await isServed(path.url)
    await lost
    assert.equal(peer.readyState, 1)
  })

  test('of unknown capital letters is a violation at the first of them', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    link.send(`${dle}Z`)
    assert.equal((await inTime(link.closed, 'end')).code, 3806)
  })

  test('of acknowledgements that were never due ends the session', async () => {
    await using path = await startServer()
    const { link } = await begin(path.url)
    link.control('A', 1)
    assert.equal((await inTime(link.closed, 'end')).code, 3806)
    assert.equal(path.server.stats.sessions, 0)
  })
})

describe('a slow handshake', { timeout: 60_000 }, () => {
  test('that never says what it resumes is closed after ten seconds', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock })
    const link = await dial(path.url, ['holdfast.v1.resume'])
    await clock.advance(9_900)
    assert.equal(link.ws.readyState, 1)
    await clock.advance(200)
    assert.equal((await inTime(link.closed, 'end')).code, 3803)
    await clock.advance(2_000)
  })

  test('a session whose welcome is not answered is kept for thirty seconds, and not for its ttl', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, heartbeat: false })
    const link = await dial(path.url, ['holdfast.v1'])
    await link.welcome()
    const peer = await path.socket()
    const closed = next(peer, 'close')
    link.reset()
    await next(peer, 'lost')
    await clock.advance(29_000)
    assert.equal(path.server.stats.sessions, 1)
    await clock.advance(1_500)
    assert.equal(String((await closed)[1]), 'session-lost:expired')
  })

  test('that does not come to the end of its headers has no session, and is for the HTTP server to end', async () => {
    await using path = await startServer()
    const { port } = path.server.address() as { port: number }
    const sockets = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'))
    for (const socket of sockets) {
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\nUpgrade: websocket\r\n')
    }
    await begin(path.url)
    assert.equal(path.server.stats.sessions, 1)
    for (const socket of sockets) socket.destroy()
  })
})

describe('sessions by the thousand', { timeout: 60_000 }, () => {
  test('are bounded in all: a new one is told busy, those there are go on', async () => {
    await using path = await startServer({ session: { maxSessions: 300 } })
    const { welcome } = await begin(path.url)
    const outcomes = { welcomed: 0, busy: 0 }
    for (let round = 0; round < 20; round++) {
      const links = await Promise.all(Array.from({ length: 50 }, () => dial(path.url, ['holdfast.v1'])))
      for (const link of links) {
        const frame = String(await link.next())
        if (frame.startsWith(`${dle}W`)) outcomes.welcomed++
        else if (JSON.parse(frame.slice(2)).why === 'busy') outcomes.busy++
        link.ws.terminate()
      }
    }
    assert.deepEqual(outcomes, { welcomed: 299, busy: 701 })
    assert.equal(path.server.stats.sessions, 300)
    await resume(path.url, welcome)
  })

  test('are bounded for each principal, so that one cannot take the room of all', async () => {
    await using path = await startServer({ authenticate, session: { maxPerPrincipal: 5 } })
    for (let count = 0; count < 5; count++) (await begin(path.url, as('mallory'))).link.reset()
    for (let count = 0; count < 5; count++) {
      const link = await dial(path.url, ['holdfast.v1'], as('mallory'))
      assert.equal(JSON.parse(await link.nextControl('X')).why, 'busy')
    }
    await begin(path.url, as('ann'))
    assert.equal(path.server.stats.sessions, 6)
    path.sockets[0]!.terminate()
    await begin(path.url, as('mallory'))
  })

  test('hold no more bytes than all may hold together: who is away goes first, the largest of them', async () => {
    await using path = await startServer({ session: { maxTotalBytes: 120_000 } })
    const links = []
    for (let count = 0; count < 5; count++) links.push((await begin(path.url)).link)
    const peers = await Promise.all(links.map((_, index) => path.socket(index)))
    await until(() => peers.every(({ attached }) => attached), 'sessions')
    for (const [index, peer] of peers.entries()) {
      if (index === 4) continue
      const lost = next(peer, 'lost')
      links[index]!.reset()
      await lost
    }
    for (const [index, peer] of peers.entries()) peer.send(Buffer.alloc(5_000 * 2 ** index))
    await strays()
    assert.ok(path.server.stats.bufferedBytes <= 120_000)
    assert.deepEqual(
      peers.map(({ readyState }) => readyState),
      [1, 1, 1, 3, 1], // of 155 000 bytes the 40 000 of the largest that is away, and not the 80 000 of one that is here
    )
    assert.equal(peers[3]!.closeInfo?.reason, 'session-lost:expired')
  })

  test('that are begun and dropped leave nothing behind when their time is over', async () => {
    const clock = new HandClock()
    await using path = await startServer({ clock, session: { ttl: 1_000 } })
    for (let round = 0; round < 20; round++) {
      const sessions = await Promise.all(Array.from({ length: 50 }, () => begin(path.url)))
      for (const { link } of sessions) link.ws.terminate()
    }
    await until(() => path.server.stats.attached === 0, 'loss of all links')
    await clock.advance(31_000)
    await until(() => path.server.stats.sessions === 0, 'end of all sessions')
    assert.deepEqual([path.server.clients.size, path.server.stats.bufferedBytes], [0, 0])
  })
})
