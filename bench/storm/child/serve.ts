/** A server that listens when it is told to, and remembers when clients came. */

import { createServer } from 'node:http'
import { host } from '../../sessions/child/host.ts'
import type { Listening, ServeTask } from './task.ts'

export async function serve({ build, server, port }: ServeTask): Promise<null> {
  const accepts: number[] = []
  process.once('message', async () => {
    const http = createServer()
    http.on('connection', () => accepts.push(Date.now()))
    const listening = await host(server, build, () => {}, http, port)
    process.on('message', () => process.send?.(accepts))
    process.send?.({ port: listening, at: Date.now() } satisfies Listening)
  })
  return null
}
