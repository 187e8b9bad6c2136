// What a server lives through: sessions that are cut, resumed, taken over, refused and ended in every way, and plain sockets.

import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { systemClock } from '../../packages/holdfast/src/server/clock.ts'
import { Refusal, type WebSocketServerOptions } from '../../packages/holdfast/src/server.ts'
import { inTime, until } from '../fault/patience.ts'
import { begin, dial, dle, refusal, refusedUpgrade, resume } from './script-client.ts'
import { next, type TestServer } from './server.ts'

/** Of a server that can live through it. */
export const options: WebSocketServerOptions = {
  clock: { ...systemClock, now: () => performance.now() }, // the server's own counts whole milliseconds, and here things may take less
  heartbeat: false,
  session: { maxBytes: 1_000 },
  authenticate: ({ headers }) => {
    if (headers.authorization === 'nobody') throw new Refusal(401)
    return headers.authorization ?? 'ann'
  },
}

/** What is counted then is in the test of the totals. @returns the ids of all its sessions */
export async function liveThrough(path: TestServer): Promise<string[]> {
  const sids = [...(await sessionsThatGoOn(path)), ...(await sessionsThatEnd(path))]
  await plainSockets(path)
  await refusals(path)
  return sids
}

/** One is cut and resumed, and taken over by a third link; one is cut and stays away. */
async function sessionsThatGoOn({ url, server, socket }: TestServer): Promise<string[]> {
  const { welcome, link } = await begin(url)
  const first = await socket(0)
  link.send('four')
  await next(first, 'message')
  link.reset()
  await next(first, 'lost')
  for (const text of ['a', 'bc', 'def']) first.send(text)
  await resume(url, welcome)
  await resume(url, welcome, { attempt: 2, recv: 3 })
  await refusal(url, welcome, { attempt: 2 })
  await refusal(url, { ...welcome, sid: 'A'.repeat(22) })
  await refusal(url, welcome, {}, { headers: { authorization: 'bob' } })

  const away = await begin(url)
  away.link.reset()
  await until(() => server.stats.sessions - server.stats.attached === 1, 'loss')
  return [welcome.sid, away.welcome.sid]
}

/** By either end, in order and at once, and for what the client did. */
async function sessionsThatEnd({ url, socket }: TestServer): Promise<string[]> {
  const sessions = await Promise.all([begin(url), begin(url), begin(url), begin(url), begin(url)])
  const sockets = await Promise.all(sessions.map(({ welcome }) => socketOf(welcome.sid, 7, socket)))
  const ends = sockets.map((each) => next(each, 'close'))
  const [inOrder, , , breaking, full] = sessions
  inOrder!.link.control('F', { code: 1000, reason: '' })
  await inOrder!.link.nextControl('F')
  inOrder!.link.control('A', 1)
  sockets[1]!.terminate()
  sockets[2]!.close(4_000, 'enough')
  await sessions[2]!.link.nextControl('F')
  sessions[2]!.link.control('F', { code: 4_000, reason: 'enough' })
  sessions[2]!.link.control('A', 1)
  breaking!.link.control('A', 'x')
  for (const bytes of [1_001, 1]) sockets[4]!.send(Buffer.alloc(bytes))
  await Promise.all([...ends, inTime(full!.link.closed, 'end of the link')])
  return sessions.map(({ welcome }) => welcome.sid)
}

async function socketOf(sid: string, count: number, socket: TestServer['socket']) {
  const all = await Promise.all(Array.from({ length: count }, (_, index) => socket(index)))
  return all.find(({ sessionId }) => sessionId === sid)!
}

/** One each for every way in which a plain socket closes; one stays. */
async function plainSockets({ url, server, sockets }: TestServer): Promise<void> {
  for (const close of ['client', 'server', 'terminate', 'network', 'protocol', 'none'] as const) {
    const link = await dial(url, [])
    const socket = sockets.at(-1)!
    socket.on('error', () => {})
    const closed = close === 'none' ? undefined : next(socket, 'close')
    if (close === 'client') link.ws.close(4_000)
    if (close === 'server') socket.close(4_000)
    if (close === 'terminate') socket.terminate()
    if (close === 'network') link.reset()
    if (close === 'protocol') (link.ws as unknown as { _socket: Socket })._socket.write(Buffer.from([0xff, 0xff]))
    await closed
  }
  await until(() => server.stats.plain === 1, 'ends')
}

/** Before the upgrade, and for a first frame that is none. */
async function refusals({ url }: TestServer): Promise<void> {
  await refusedUpgrade(url, [], { headers: { authorization: 'nobody' } })
  const broken = request(url.replace('ws:', 'http:'), { headers: { connection: 'upgrade', upgrade: 'websocket' } }).end()
  const [response] = await inTime(once(broken, 'response'), 'answer to a broken upgrade')
  response.resume()
  const link = await dial(url, ['holdfast.v1.resume'])
  link.send(`no ${dle} resume`)
  await inTime(link.closed, 'end of a link that says nonsense')
}
