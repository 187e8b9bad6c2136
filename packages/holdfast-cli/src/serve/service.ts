/** What the server says to one client: echoes, the time, or numbers. Each runs until the signal aborts. */

import type { SessionSocket } from 'holdfast/server'
import type { Route } from './route.ts'

export interface Stage {
  readonly socket: SessionSocket
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
  const isSession = socket.sessionId !== null
  socket.on('message', (data, isBinary) => {
    counts.sent++
    if (isSession) {
      echoInSession(socket, isBinary ? data : String(data))
      return
    }
    socket.send(data, { binary: isBinary }, drained)
    if (socket.bufferedAmount >= maxBacklogBytes) socket.pause()
  })
}

/** A session that is full of what its client has not acknowledged is not read until there is room. */
function echoInSession(socket: SessionSocket, data: Parameters<SessionSocket['send']>[0]): void {
  if (tryToSend(socket, data)) return
  socket.pause()
  const goOn = (): void => socket.resume()
  socket.sendAsync(data).then(goOn, goOn)
}

function serveClock(stage: Stage, everyMs: number): void {
  const tell = (): void => tellClient(stage, new Date().toISOString())
  tell()
  repeat(tell, everyMs, stage.signal)
}

/**
 * Each number is how many periods have passed since the server began, whether anybody listened or not: what a client missed is what lies
 * between the last number before its link was lost and the first one after. A client with a session misses nothing, as long as the
 * session has room.
 */
function serveFeed(stage: Stage, everyMs: number): void {
  const passed = (): number => Math.floor((performance.now() - stage.startedAt) / everyMs)
  let last = passed()
  const tell = (): void => {
    const now = passed()
    while (last < now) tellClient(stage, String(++last))
  }
  repeat(tell, everyMs, stage.signal)
}

/** What a client has no room for it does not get. */
function tellClient({ socket, counts }: Stage, text: string): void {
  if (socket.readyState !== socket.OPEN || socket.bufferedAmount >= maxBacklogBytes) return
  if (tryToSend(socket, text)) counts.sent++
}

/** Whether there was room for it. */
function tryToSend(socket: SessionSocket, data: Parameters<SessionSocket['send']>[0]): boolean {
  try {
    socket.send(data)
    return true
  } catch (error) {
    if ((error as Error).name !== 'QuotaExceededError') throw error
    return false
  }
}

function repeat(act: () => void, everyMs: number, signal: AbortSignal): void {
  const timer = setInterval(act, everyMs)
  signal.addEventListener('abort', () => clearInterval(timer))
}
