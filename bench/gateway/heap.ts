/** What an idle session holds in the gateway, its connection to the backend included: with its client there, and with its client away. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { IdleCost } from '../peers/client/task.ts'
import { verdict } from '../peers/result.ts'
import { figure } from '../peers/statistics.ts'
import { Client } from '../sessions/child.ts'
import type { Measure, MeasureContext } from '../suite/measure.ts'
import type { GatewayUsage } from './child/task.ts'
import { Child } from './child.ts'
import { startGateway } from './route.ts'
import { clientOf, plain, session } from './subject.ts'

const full = 2_000
const quick = 300
/** They load and compile what is loaded and compiled once. */
const pioneers = 100
const patienceMs = 10_000
const pollMs = 100
const bytesPerKb = 1_000

interface Cost {
  readonly attachedKb: number
  /** Only a session outlives its client's connection. */
  readonly detachedKb: number
}

export const heap: Measure = {
  name: 'heap',
  title: `V8's heap in the gateway of an idle client with its connection to the backend, one of ${full} (${quick} in a quick run)`,
  run: async (context) => {
    const rounds = context.isQuick ? 1 : 2
    const sessions: Cost[] = []
    const plains: Cost[] = []
    for (let round = 0; round < rounds; round++) {
      context.tell(`round ${round + 1} of ${rounds}`)
      sessions.push(await measure(context, session))
      plains.push(await measure(context, plain))
    }
    const detached = figure(sessions.map(({ detachedKb }) => detachedKb))
    const attached = (costs: readonly Cost[]) => figure(costs.map(({ attachedKb }) => attachedKb))
    return {
      rows: [
        {
          id: 'heap/attached',
          what: 'connected',
          unit: 'KB',
          n: rounds,
          cells: { [plain]: attached(plains), [session]: attached(sessions) },
        },
        { id: 'heap/detached', what: 'client away', unit: 'KB', n: rounds, cells: { [session]: detached } },
      ],
      verdicts: [verdict('heap of a session whose client is away', detached.value, 12, 'KB')],
    }
  },
}

async function measure({ build, isQuick }: MeasureContext, way: typeof plain | typeof session): Promise<Cost> {
  const clients = isQuick ? quick : full
  await using backend = await Child.start<number>({ kind: 'backend' })
  await using gateway = await startGateway(build, backend.begun, ['--expose-gc'])
  const idle = (count: number) =>
    Client.start<IdleCost>({ kind: 'idle', build, subject: clientOf(way), port: gateway.begun, clients: count, settleMs: 0 })
  const usage = () => gateway.order<GatewayUsage>({ kind: 'usage' })
  await using _pioneer = await idle(pioneers)
  const before = await usage()
  await using crowd = await idle(clients)
  const opened = clients + 1
  const after = await usage()
  await crowd[Symbol.asyncDispose]()
  const away = await settled(usage, before.attached + before.plain)
  const kept = way === session ? before.sessions + opened : before.sessions
  if (away.sessions !== kept) throw new Error(`${away.sessions} sessions are left of ${kept}`)
  const each = ({ heapBytes }: GatewayUsage) => (heapBytes - before.heapBytes) / opened / bytesPerKb
  return { attachedKb: each(after), detachedKb: each(away) }
}

/** When the gateway knows that so many clients are left. */
async function settled(usage: () => Promise<GatewayUsage>, left: number): Promise<GatewayUsage> {
  for (const until = performance.now() + patienceMs; performance.now() < until; await sleep(pollMs)) {
    const found = await usage()
    if (found.attached + found.plain === left) return found
  }
  throw new Error(`the gateway does not know within ${patienceMs} ms that its clients are gone`)
}
