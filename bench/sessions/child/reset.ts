/** A link is reset: how long until the client has the next message. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../../packages/holdfast-cli/src/fault/index.ts'
import { loadSubject, serverOf } from '../subject.ts'
import { type HostedPeer, host } from './host.ts'
import type { ResetTask } from './task.ts'

/** Fresh sockets, each with a way of its own, so that no loss is another's. */
const spacingMs = 50
const quietMs = 300

export async function measureReset({ subject, build, sockets }: ResetTask): Promise<number[]> {
  const peers = new Map<string, HostedPeer>()
  const port = await host(serverOf(subject), build, (peer, query) => {
    peers.set(query.get('label')!, peer)
    peer.send('hello')
  })
  const open = await loadSubject(subject, build)

  const one = async (label: string): Promise<number> => {
    await using proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port } })
    let received = () => {}
    const nextMessage = () => new Promise<void>((resolve) => (received = resolve))
    const hello = nextMessage()
    const client = open({ port: proxy.port, query: { label } }, { opened: () => {}, message: () => received(), closed: () => {} })
    await hello
    await sleep(quietMs)
    const startedAt = performance.now()
    const next = nextMessage()
    proxy.reset()
    peers.get(label)!.send('next') // who keeps it, and who has to wait for the next greeting
    await next
    const ms = performance.now() - startedAt
    client.close()
    return ms
  }

  const all: Promise<number>[] = []
  for (let i = 0; i < sockets; i++) {
    all.push(one(String(i)))
    await sleep(spacingMs)
  }
  return await Promise.all(all)
}
