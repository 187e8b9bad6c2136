// How long a test waits before it says that something does not happen. Generous: how fast things are is measured elsewhere.

import { setTimeout as sleep } from 'node:timers/promises'

export const patienceMs = 40_000
const lookMs = 20

/** @throws Error naming `what`, when it takes too long */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${patienceMs} ms`)), patienceMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks again and again until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`no ${what} within ${patienceMs} ms`)
    await sleep(lookMs)
  }
}
