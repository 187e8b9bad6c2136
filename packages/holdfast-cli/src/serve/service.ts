/** What the server says to one client: echoes, the time, or numbers. Each runs until the signal aborts. */

import type { WebSocket } from 'ws'
import type { Route } from './route.ts'

export interface Stage {
  readonly socket: WebSocket
  /** Aborts when the connection is over. */
  readonly signal: AbortSignal
  /** When the server began to listen: what the numbers of every feed count from. */
  readonly startedAt: number
  readonly counts: { sent: number }
}

/** A client that does not read is not read either, nor told anything, until it has taken what there is. */
const maxBacklogBytes = 1024 * 1024

export function serveRoute(route: Route, stage: Stage): void {
  switch (route.service) {
    case 'echo':
      serveEcho(stage)
      return
    case 'clock':
      serveClock(stage, route.everyMs)
      return
    case 'feed':
      serveFeed(stage, route.everyMs)
      return
  }
}

function serveEcho({ socket, counts }: Stage): void {
  const drained = (): void => {
    if (socket.isPaused && socket.bufferedAmount < maxBacklogBytes) socket.resume()
  }
  socket.on('message', (data, isBinary) => {
    counts.sent++
    socket.send(data, { binary: isBinary }, drained)
    if (socket.bufferedAmount >= maxBacklogBytes) socket.pause()
  })
}

function serveClock(stage: Stage, everyMs: number): void {
  const tell = (): void => {
    if (canTake(stage)) tellClient(stage, new Date().toISOString())
  }
  tell()
  repeat(tell, everyMs, stage.signal)
}

/**
 * Each number is how many periods have passed since the server began, whether anybody listened or not: what a client missed is what lies
 * between the last number before its link was lost and the first one after.
 */
function serveFeed(stage: Stage, everyMs: number): void {
  const passed = (): number => Math.floor((performance.now() - stage.startedAt) / everyMs)
  let last = passed()
  const tell = (): void => {
    const now = passed()
    while (last < now && canTake(stage)) tellClient(stage, String(++last))
    last = now
  }
  repeat(tell, everyMs, stage.signal)
}

function canTake({ socket }: Stage): boolean {
  return socket.readyState === socket.OPEN && socket.bufferedAmount < maxBacklogBytes
}

function tellClient({ socket, counts }: Stage, text: string): void {
  counts.sent++
  socket.send(text)
}

function repeat(act: () => void, everyMs: number, signal: AbortSignal): void {
  const timer = setInterval(act, everyMs)
  signal.addEventListener('abort', () => clearInterval(timer))
}
