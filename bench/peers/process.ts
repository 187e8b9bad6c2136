/** Processes of the bench: each is forked with one argument, answers by messages, and ends with the bench at the latest. */

import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** `ws` is measured as it is, also where the package is installed that takes its masking to machine code. */
const plainWs: NodeJS.ProcessEnv = { WS_NO_BUFFER_UTIL: '1' }

/** @param file relative to this folder. The condition for sources is not passed on: what is measured is the build. */
export function start(file: string, argument: unknown, flags: readonly string[] = [], variables = plainWs): ChildProcess {
  const execArgv = ['--disable-warning=ExperimentalWarning', ...flags]
  const child = fork(join(import.meta.dirname, file), [JSON.stringify(argument)], { execArgv, env: { ...process.env, ...variables } })
  living.add(child)
  child.once('exit', () => living.delete(child))
  return child
}

/** The next message of a process. Rejects when it ends before, or lets wait too long. */
export function nextMessage<T>(child: ChildProcess, withinMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer)
      child.off('message', received)
      child.off('exit', ended)
      act()
    }
    const received = (message: unknown) => settle(() => resolve(message as T))
    const ended = (code: number | null) =>
      settle(() => reject(new Error(`${child.spawnargs.at(-1)} ended with ${code} before it answered`)))
    const timer = setTimeout(
      () => settle(() => reject(new Error(`${child.spawnargs.at(-1)} did not answer within ${withinMs} ms`))),
      withinMs,
    )
    child.once('message', received)
    child.once('exit', ended)
  })
}

export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
