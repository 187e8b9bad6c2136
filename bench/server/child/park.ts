/** Sessions whose clients are away: begun in batches, so that files suffice, and resumed in batches. */

import { type Credential, credentialOf, type Link, openSessionDialler } from './session-link.ts'
import type { Parked, ParkTask } from './task.ts'

export async function park({ port, sessions, batch }: ParkTask): Promise<Parked> {
  const dial = await openSessionDialler(port)
  const credentials: Credential[] = []
  const startedAt = performance.now()
  while (credentials.length < sessions) {
    const size = Math.min(batch, sessions - credentials.length)
    credentials.push(
      ...(await inBatch(
        Array.from({ length: size }, () => dial(undefined, () => {})),
        credentialOf,
      )),
    )
  }
  process.once('message', async () => {
    const startedAt = performance.now()
    let count = 0
    for (let from = 0; from < sessions; from += batch) {
      const links = credentials.slice(from, from + batch).map((credential) => dial(credential, () => {}))
      const resumed = await inBatch(links, (greeting) => greeting.charAt(1) === 'S')
      count += resumed.filter(Boolean).length
    }
    process.send?.({ count, ms: performance.now() - startedAt } satisfies Parked)
  })
  return { count: credentials.length, ms: performance.now() - startedAt }
}

/** Waits for all, takes what was said, and drops the links. */
async function inBatch<Result>(links: readonly Link[], read: (greeting: string) => Result): Promise<Result[]> {
  const greetings = await Promise.all(links.map(({ greeting }) => greeting))
  const gone = links.map(({ socket }) => new Promise((resolve) => socket.on('close', resolve)))
  for (const { socket } of links) socket.terminate()
  await Promise.all(gone)
  return greetings.map(read)
}
