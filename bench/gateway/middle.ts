/** What clients whose connections break come through, each with the client that it is used with. */

import { PlainProxy } from './plain-proxy.ts'
import { startGateway } from './route.ts'
import { type ClientKind, haproxy, plain, session, type Way } from './subject.ts'

export const brokenWays = [haproxy, plain, session] as const
export type BrokenWay = (typeof brokenWays)[number]

interface Middle extends AsyncDisposable {
  readonly port: number
}

export async function startMiddle(way: BrokenWay, build: string, upstreamPort: number): Promise<Middle> {
  if (way === haproxy) return await PlainProxy.start('haproxy', upstreamPort)
  const gateway = await startGateway(build, upstreamPort)
  return { port: gateway.begun, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

/** Runs something over each way at the same time. */
export async function withMiddle<Found>(
  build: string,
  upstreamPort: number,
  run: (way: BrokenWay, client: ClientKind, port: number) => Promise<Found>,
): Promise<ReadonlyMap<Way, Found>> {
  const found = brokenWays.map(async (way) => {
    await using middle = await startMiddle(way, build, upstreamPort)
    return [way, await run(way, persistentClientOf(way), middle.port)] as const
  })
  return new Map<Way, Found>(await Promise.all(found))
}

/** Without a session, one that dials again is the best that there is. */
function persistentClientOf(way: BrokenWay): ClientKind {
  return way === session ? 'holdfast' : 'reconnecting-websocket'
}
