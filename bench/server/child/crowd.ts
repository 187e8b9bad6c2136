/** Clients that are connected, and count what comes: pings, and ends that they did not ask for. */

import { setTimeout as sleep } from 'node:timers/promises'
import { loadPackage } from '../../peers/subject/package.ts'
import { openSessionDialler } from './session-link.ts'
import type { CrowdOrder, CrowdTask, Tally } from './task.ts'

const atOnce = 128
/** A message is due from somebody so often. */
const talkMs = 5

export async function openCrowd({ port, clients, speaks }: CrowdTask): Promise<null> {
  const sockets: any[] = []
  let pings = 0
  let cut = 0
  const pinged = () => pings++
  const open = await (speaks ? openSessions(port, pinged) : openPlain(port, pinged))
  const openOne = async () => {
    const socket = await open()
    sockets.push(socket)
    socket.on('close', () => cut++)
  }
  const openMore = async () => {
    while (sockets.length + underWay < clients) {
      underWay++
      await openOne()
      underWay--
    }
  }
  let underWay = 0
  await Promise.all(Array.from({ length: atOnce }, openMore))
  process.on('message', async (order: CrowdOrder) => {
    switch (order.kind) {
      case 'tally':
        process.send?.({ pings, cut } satisfies Tally)
        pings = 0
        cut = 0
        return
      case 'talk':
        talk(sockets, order.everyMs)
        await sleep(order.everyMs)
        process.send?.(null)
        return
    }
  })
  return null
}

async function openPlain(port: number, pinged: () => void): Promise<() => Promise<any>> {
  const { WebSocket } = await loadPackage('ws')
  return () =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false })
      socket.on('ping', pinged)
      socket.on('error', reject)
      socket.on('open', () => resolve(socket))
    })
}

async function openSessions(port: number, pinged: () => void): Promise<() => Promise<any>> {
  const dial = await openSessionDialler(port)
  return async () => {
    const { socket, greeting } = dial(undefined, pinged)
    await greeting
    return socket
  }
}

/** All in turn, each so often. */
function talk(sockets: readonly any[], everyMs: number): void {
  const startedAt = performance.now()
  let said = 0
  setInterval(() => {
    const due = ((performance.now() - startedAt) / everyMs) * sockets.length
    for (; said < due; said++) sockets[said % sockets.length].send('x')
  }, talkMs)
}
