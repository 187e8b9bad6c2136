/** A full outbox behind a cut: how fast it is emptied over the next link, both ways. */

import { setTimeout as sleep } from 'node:timers/promises'
import { FaultProxy } from '../../../packages/holdfast-cli/src/fault/index.ts'
import { urlOf } from '../../peers/subject/subject.ts'
import { loadClient } from '../subject.ts'
import type { ReplayRate, ReplayTask } from './task.ts'

const msPerS = 1_000
const retry = { minDelay: 20, maxDelay: 20 }
const quietMs = 100

export async function measureReplay({ build, port, bytes, up, down }: ReplayTask): Promise<ReplayRate> {
  const { WebSocket } = await loadClient(build)
  await using proxy = await FaultProxy.listen({ upstream: { host: '127.0.0.1', port } })
  const connect = async (query: Record<string, string>) => {
    const socket = new WebSocket(urlOf({ port: proxy.port, query }), [], { resume: true, retry })
    await socket.opened
    return socket
  }
  const partition = async () => {
    await proxy.refuse()
    proxy.reset()
    await sleep(quietMs)
  }

  const sender = await connect({ mode: 'tally' })
  const send = () => {
    for (let i = 0; i < up; i++) sender.send('x'.repeat(bytes))
  }
  const report = async () => {
    const answer = new Promise<string>((resolve) => (sender.onmessage = (event: { data: string }) => resolve(event.data)))
    // Once this is acknowledged the outbox is empty.
    await sender.sendAsync('report')
    return rateOf(JSON.parse(await answer))
  }
  send()
  await report()
  send()
  const openUp = await report()
  await partition()
  send()
  await proxy.accept()
  await new Promise((resolve) => sender.addEventListener('resumed', resolve, { once: true }))
  const replayedUp = await report()
  sender.close()

  const receiver = await connect({ mode: 'fill', bytes: String(bytes), count: String(down) })
  const receiveAll = () =>
    new Promise<number>((resolve) => {
      let count = 0
      let firstAt = 0
      receiver.onmessage = () => {
        if (count++ === 0) firstAt = performance.now()
        if (count === down) resolve(rateOf({ count, ms: performance.now() - firstAt }))
      }
    })
  const ask = () => {
    const received = receiveAll()
    receiver.send('fill')
    return received
  }
  await ask()
  const openDown = await ask()
  const replayed = receiveAll()
  await partition()
  await proxy.accept()
  const replayedDown = await replayed
  receiver.close()
  return { up: replayedUp, down: replayedDown, openUp, openDown }
}

function rateOf({ count, ms }: { readonly count: number; readonly ms: number }): number {
  return (count / ms) * msPerS
}
