/** The gateway, as it is out of the box. */

import { join } from 'node:path'
import { loadPackage } from '../../peers/subject/package.ts'
import type { GatewayTask, GatewayUsage } from './task.ts'

const settleMs = 500
const collections = 3

export async function serveGateway({ build, upstreamPort }: GatewayTask): Promise<number> {
  const { createGateway } = await loadPackage(join(build, 'gateway.mjs'))
  // Thousands of clients at one address are the bench's business.
  const gateway = createGateway({ upstream: `ws://127.0.0.1:${upstreamPort}`, session: { maxPerPrincipal: Infinity } })
  const { port } = await gateway.listen(0, '127.0.0.1')
  process.on('message', async () => process.send?.({ heapBytes: await heapBytes(), ...gateway.stats } satisfies GatewayUsage))
  return port
}

async function heapBytes(): Promise<number> {
  // Finalizers of the first collection leave garbage for the next.
  for (let i = 0; i < collections; i++) {
    await new Promise((resolve) => setTimeout(resolve, settleMs))
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}
