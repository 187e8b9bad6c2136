/**
 * A core for two processes of which only one ever has something to do.
 *
 * Across cores most of a round trip is the system waking a core that had nothing to do, which takes 20 or 80 µs as it likes. On one core the
 * rest is what the code takes. Where the system has no `taskset` the processes stay where they are, and
 * that is said.
 */

import { spawnSync } from 'node:child_process'

export class SharedCore implements Disposable {
  /** Whose main thread was where. */
  readonly #places = new Map<number, string>()

  /** @param pids moves their main threads, and leaves those that compile and collect garbage where they are */
  static of(pids: readonly number[]): SharedCore {
    const core = new SharedCore()
    const [first] = pids.map((pid) => core.#keep(pid))
    if (first) for (const pid of pids) taskset(first.split(/[,-]/)[0]!, pid)
    else process.stderr.write('· without taskset both ends are on the cores that the system gives them\n')
    return core
  }

  [Symbol.dispose](): void {
    for (const [pid, place] of this.#places) taskset(place, pid)
  }

  #keep(pid: number): string | undefined {
    const place = /: (.*)$/m.exec(spawnSync('taskset', ['-cp', `${pid}`], { encoding: 'utf8' }).stdout ?? '')?.[1]
    if (place) this.#places.set(pid, place)
    return place
  }
}

function taskset(cores: string, pid: number): void {
  spawnSync('taskset', ['-cp', cores, `${pid}`])
}
