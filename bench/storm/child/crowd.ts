/** Clients of one library, and when they are back after they lost their server together. */

import { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { loadSubject } from '../../sessions/subject.ts'
import type { CrowdTask, Returns } from './task.ts'

/** Elsewhere clients do not take the processor of their server. */
const lowPriority = 10

export async function openCrowd({ build, subject, port, clients, atOnce, retry }: CrowdTask): Promise<null> {
  setPriority(lowPriority)
  const open = await loadSubject(subject, build, retry ? { retry } : {})
  let openedAt: number[] = []
  let dials = 0
  countConnects(() => dials++)
  surviveAbandonedDials()
  const startedAt = Date.now()
  await new Promise<void>((resolve) => {
    let begun = 0
    let isFull = false
    const openOne = () => {
      begun++
      open({ port, query: {} }, { opened, message: () => {}, closed: () => {} })
    }
    const opened = () => {
      openedAt.push(Date.now())
      if (isFull) return
      if (begun < clients) openOne()
      isFull = openedAt.length === clients
      if (isFull) resolve()
    }
    for (let i = 0; i < atOnce; i++) openOne()
  })
  process.once('message', () => {
    // What follows is the storm.
    if (atOnce < clients) {
      openedAt = []
      dials = 0
    }
    process.on('message', () => process.send?.({ startedAt, openedAt, dials } satisfies Returns))
    process.send?.(null)
  })
  return null
}

/** A dial that a wrapper takes back is an error to `ws`, and some have stopped listening by then: in an application that is the end of the process. */
function surviveAbandonedDials(): void {
  process.on('uncaughtException', (error) => {
    if (error.message !== 'WebSocket was closed before the connection was established') throw error
  })
}

/** However a library dials, this is what it comes to. */
function countConnects(count: () => void): void {
  const { connect } = Socket.prototype
  Socket.prototype.connect = function (this: Socket, ...options: any[]) {
    count()
    return (connect as any).apply(this, options)
  }
}
