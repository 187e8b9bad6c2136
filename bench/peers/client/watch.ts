/** Clients that are left to themselves, and tell when something arrives and when they notice a loss. */

import type { Open } from '../subject/subject.ts'
import type { WatchEvent, WatchTask } from './task.ts'

export function watch(open: Open, { port, clients, spacingMs, query }: WatchTask): void {
  for (let client = 0; client < clients; client++) {
    const tell = (event: WatchEvent['event']) => process.send?.({ client, event, at: Date.now() } satisfies WatchEvent)
    const own = query.label === undefined ? query : { ...query, label: `${query.label}/${client}` }
    setTimeout(() => {
      open({ port, query: own }, { opened: () => {}, message: () => tell('message'), closed: () => tell('closed') })
    }, client * spacingMs)
  }
}
