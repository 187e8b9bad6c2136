// Whatever arrives at a machine: it does not fail, it keeps to its bounds, it gives nobody what is another's, and it goes on to serve those who mean
// well. fast-check prints the seed of a failure; HOSTILE_RUNS sets how often each property is tried.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ClientEnd } from '../vectors/client-end.ts'
import type { Side } from '../vectors/conversation.ts'
import { Gauge, type Message, toPayload } from '../vectors/given.ts'
import { ServerEnd } from '../vectors/server-end.ts'
import { given, type Mutation, mutate, mutation, recorded } from './arbitrary.ts'
import { AttackedClient, clientStep } from './attacked-client.ts'
import { AttackedServer, maxSessions, serverStep } from './attacked-server.ts'
import { HonestPair } from './honest.ts'
import { framesTo, replay } from './replay.ts'

const runs = Number(process.env.HOSTILE_RUNS ?? 500)
const flood = 100_000
const honestLinks = 1_000_000
const accepted = { kind: 'accepted', principal: 'mallory', proto: '' } as const

describe('a server', () => {
  test('under attack gives nobody what is another’s, and serves an honest client throughout', () => {
    fc.assert(
      fc.property(fc.array(serverStep, { maxLength: 60, size: 'max' }), (steps) => {
        const attacked = new AttackedServer()
        for (const step of steps) attacked.step(step)
        attacked.finish()
      }),
      { numRuns: runs },
    )
  })

  test('that meets a conversation with spoiled frames serves an honest client afterwards', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(spoiling, { minLength: 1, maxLength: 3 }), (index, spoilings) => {
        const server = replaySpoiled('server', index, spoilings) as ServerEnd
        server.busyMs = 0
        const client = new ClientEnd(given)
        client.now = server.now
        new HonestPair(client, server, 'honest', honestLinks).finish()
      }),
      { numRuns: 5 * runs },
    )
  })

  test('owes one pong for a flood of pings', () => {
    const { server, link } = attackedOverOneLink()
    for (let id = 1; id <= flood; id++) server.machine.receive(0, link, `\u0010P${id},0`)
    server.settle()
    assert.deepEqual(frames(server), [`\u0010O${flood},0`])
  })

  test('owes an acknowledgement or two for a flood of messages', () => {
    const { server, link } = attackedOverOneLink()
    for (let i = 0; i < flood; i++) server.machine.receive(0, link, toPayload({ binary: '00' }))
    server.settle()
    assert.deepEqual(frames(server), [`\u0010A${flood}`])
  })

  test('owes nothing for a flood of frames that are to be ignored, or that come behind a violation', () => {
    const { server, link } = attackedOverOneLink()
    for (let i = 0; i < flood; i++) server.machine.receive(0, link, '\u0010x')
    for (let i = 0; i < flood; i++) server.machine.receive(0, link, '\u0010Z')
    server.settle()
    assert.equal(server.journal.drain().filter(([queue]) => queue === 'link 1').length, 1)
    assert.equal(server.machine.sessions.size, 0)
  })

  test('keeps nothing of a flood of links', () => {
    const server = new ServerEnd(given, { maxSessions, credentials: endlessCredentials() })
    for (let i = 0; i < flood; i++) {
      const { machine } = server
      const link = machine.open(0, new Gauge(), i % 2 === 0)
      machine.authenticated(0, link, accepted)
      machine.receive(
        0,
        link,
        i % 4 === 0
          ? `\u0010R{"sid":"${'A'.repeat(22)}","key":"${'A'.repeat(43)}","cid":"${'A'.repeat(22)}","attempt":1,"recv":0}`
          : '\u0010Z',
      )
      while (machine.poll()) assert.ok(machine.sessions.size <= maxSessions)
      machine.linkClosed(0, link, { code: 1006, reason: '', wasClean: false, cause: 'network' })
    }
    assert.deepEqual([server.machine.sessions.size, server.machine.tombstones, server.machine.heldBytes], [0, maxSessions, 0])
  })
})

describe('a client', () => {
  test('at a hostile server keeps to its session and its bounds, and is served by an honest one afterwards', () => {
    fc.assert(
      fc.property(fc.array(clientStep, { maxLength: 60, size: 'max' }), (steps) => {
        const attacked = new AttackedClient()
        for (const step of steps) attacked.step(step)
        attacked.finish()
      }),
      { numRuns: runs },
    )
  })

  test('that meets a conversation with spoiled frames is over, or served by an honest server afterwards', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(spoiling, { minLength: 1, maxLength: 3 }), (index, spoilings) => {
        const client = replaySpoiled('client', index, spoilings) as ClientEnd
        serveHonestly(client)
      }),
      { numRuns: 5 * runs },
    )
  })

  test('owes one pong for a flood of pings', () => {
    const client = welcomed()
    for (let id = 1; id <= flood; id++) client.machine.receive(0, 0, 1, `\u0010P${id},0,0`)
    client.settle()
    assert.deepEqual(frames(client), [`\u0010O${flood},0`])
  })

  test('makes one move for a flood of drains', () => {
    const client = welcomed()
    for (let i = 1; i <= flood; i++) client.machine.receive(0, 0, 1, '\u0010D{"in":0,"by":1000}')
    client.tick(0)
    for (let i = 1; i <= flood; i++) client.machine.receive(0, 0, 1, '\u0010D{"in":0,"by":1000}')
    client.tick(0)
    assert.equal(client.journal.drain().length, 1)
  })
})

/** What happens to a frame: it is changed, left out, sent twice, or another one takes its place. */
interface Spoiling {
  readonly at: number
  readonly how: 'mutate' | 'omit' | 'repeat' | 'replace' | 'precede'
  readonly mutations: readonly Mutation[]
  readonly other: number
}

const spoiling: fc.Arbitrary<Spoiling> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('mutate', 'mutate', 'mutate', 'omit', 'repeat', 'replace', 'precede'),
  mutations: fc.array(mutation, { minLength: 1, maxLength: 3 }),
  other: fc.nat(),
})
const pool: readonly Message[] = recorded.conversations.flatMap(({ steps }) =>
  steps.flatMap((step) => ('frame' in step ? [step.frame] : [])),
)

function replaySpoiled(side: Side, index: number, spoilings: readonly Spoiling[]): ClientEnd | ServerEnd {
  const { conversations } = recorded
  const conversation = conversations[index % conversations.length]!
  const count = Math.max(1, framesTo(conversation, side))
  return replay(conversation, recorded.given, side, (frame, number) =>
    spoilings
      .filter(({ at }) => at % count === number)
      .reduce<Message[]>((messages, each) => messages.flatMap((message) => spoil(message, each)), [frame]),
  )
}

function spoil(message: Message, { how, mutations, other }: Spoiling): Message[] {
  const another = pool[other % pool.length]!
  switch (how) {
    case 'mutate':
      return [mutations.reduce(mutate, message)]
    case 'omit':
      return []
    case 'repeat':
      return [message, message]
    case 'replace':
      return [another]
    case 'precede':
      return [another, message]
  }
}

/** Where a client is not over, an honest server takes the place of the other. */
function serveHonestly(client: ClientEnd): void {
  const { machine } = client
  if (machine.state.name === 'closed' || machine.state.name === 'closing') return
  machine.reconnect(client.now, client.now)
  const server = new ServerEnd(given)
  server.now = client.now
  const honest = new HonestPair(client, server, 'honest', honestLinks)
  honest.pass(60_000)
  if (machine.held?.session.isOpen) honest.finish()
  else assert.equal(machine.state.name, 'closed', 'a client comes to nothing at an honest server')
}

function attackedOverOneLink(): { readonly server: ServerEnd; readonly link: ReturnType<ServerEnd['open']> } {
  const server = new ServerEnd(given)
  const link = server.open(1, false, accepted)
  server.journal.drain()
  return { server, link }
}

function welcomed(): ClientEnd {
  const client = new ClientEnd(given)
  const { link } = client.journal.take('dial') as { readonly link: number }
  client.open(1, link, true)
  const { sid, key } = given.credentials[0]!
  client.receive(1, `\u0010W{"sid":"${sid}","key":"${key}","proto":"","ttl":300000,"ping":30000,"dead":40000,"max":1048576,"spread":0}`)
  client.journal.drain()
  return client
}

function frames({ journal }: ClientEnd | ServerEnd): unknown[] {
  return journal.drain().map(([, event]) => (event as { readonly frame?: Message }).frame)
}

function endlessCredentials(): { issue: () => { sid: string; key: string; digest: string }; matches: () => boolean } {
  let issued = 0
  return { issue: () => ({ sid: `sid ${issued++}`, key: '', digest: '' }), matches: () => false }
}
