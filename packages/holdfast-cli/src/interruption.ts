/** SIGINT and SIGTERM: the first one ends the program in order, a second one at once. */

import { type ExitCode, exitCode } from './exit-code.ts'

/** Calls `end` at the first signal, with what a shell is told when a signal ends a program. Returns how to stop watching. */
export function watchInterruption(end: (code: ExitCode) => void): () => void {
  let count = 0
  const receive = (code: ExitCode) => (): void => {
    count++
    if (count > 1) process.exit(code)
    end(code)
  }
  const interrupt = receive(exitCode.interrupted)
  const terminate = receive(exitCode.terminated)
  process.on('SIGINT', interrupt).on('SIGTERM', terminate)
  return () => void process.off('SIGINT', interrupt).off('SIGTERM', terminate)
}
