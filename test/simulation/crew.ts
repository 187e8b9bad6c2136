/** Threads that share the seeds of a run among them. */

import { Worker } from 'node:worker_threads'

export interface Chunk {
  readonly from: number
  readonly count: number
  readonly stopsAtFailure: boolean
}

/** What came of a chunk. */
export interface Share {
  readonly from: number
  readonly seeds: number
  readonly steps: number
  /** Of the shortest run that broke nothing. */
  readonly leastSteps: number
  readonly busyMs: number
  readonly counters: readonly (readonly [string, number])[]
  readonly failures: readonly Failure[]
}

export interface Failure {
  readonly seed: number
  readonly invariant: string
  readonly text: string
}

export interface Order {
  readonly threads: number
  /** Where the core is that they run; this one unless given. */
  readonly core?: string | undefined
}

/**
 * Runs what `next` hands out until it hands out nothing.
 *
 * @param done told of each chunk as it is finished; returns true when that is enough
 */
export async function runChunks(order: Order, next: () => Chunk | undefined, done: (share: Share) => boolean): Promise<void> {
  let isEnough = false
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      const go = (): void => {
        const chunk = isEnough ? undefined : next()
        if (chunk) worker.postMessage(chunk)
        else resolve()
      }
      worker.on('error', reject)
      worker.on('message', (share: Share) => {
        if (done(share)) isEnough = true
        go()
      })
      go()
    })
  const workers = Array.from({ length: order.threads }, () => new Worker(new URL('./worker.ts', import.meta.url), { workerData: order }))
  try {
    await Promise.all(workers.map(work))
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
