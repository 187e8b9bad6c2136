// The program in a process of its own, from its sources, with pipes instead of a terminal.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

export const root: string = new URL('../../', import.meta.url).pathname
export const programArgs: readonly string[] = ['--conditions=holdfast-source', 'packages/holdfast-cli/src/main.ts']

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Sends `signal` as soon as the program has written `when` to stderr. */
export interface Interruption {
  readonly when: string
  readonly signal: NodeJS.Signals
}

/** Runs the program to its end. @param env besides what there is */
export async function run(args: readonly string[], interruption?: Interruption, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const options = { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] }
  const child = spawn(process.execPath, [...programArgs, ...args], options)
  const { stdout, stderr } = child
  const written = { stdout: '', stderr: '' }
  stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text))
  stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text))
  if (interruption)
    stderr.on('data', function interrupt() {
      if (!written.stderr.includes(interruption.when)) return
      stderr.off('data', interrupt)
      child.kill(interruption.signal)
    })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, ...written }
}

/** The lines of NDJSON. */
export function records(stdout: string): Record<string, any>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}
