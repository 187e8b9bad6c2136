// Many clients in a process of their own, which can be stopped: plain ones of `ws`, and sessions. It says when all are there, answers
// what has come, and ends with whoever started it.

import { once } from 'node:events'
import { WebSocket } from 'holdfast'
import { WebSocket as WsSocket } from 'ws'

/** What it is asked for. */
export interface CrowdTask {
  readonly url: string
  readonly plain: number
  readonly sessions: number
}

const atOnce = 100

process.on('disconnect', () => process.exit())
process.on('message', (message: CrowdTask | 'flush') => {
  if (message === 'flush') flush()
  else void open(message)
})

/** Whoever asked wrote to the sockets before; by the second turn that is read, and answered where it was read. */
function flush(): void {
  setImmediate(() => setImmediate(() => process.send?.('flushed')))
}

async function open({ url, plain, sessions }: CrowdTask): Promise<void> {
  for (let count = 0; count < plain; count += atOnce)
    await Promise.all(Array.from({ length: Math.min(atOnce, plain - count) }, () => once(new WsSocket(url), 'open')))
  for (let count = 0; count < sessions; count += atOnce)
    await Promise.all(
      Array.from({ length: Math.min(atOnce, sessions - count) }, () => once(new WebSocket(url, [], { resume: true }), 'open')),
    )
  process.send?.('open')
}
