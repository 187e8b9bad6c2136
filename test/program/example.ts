// The files of examples/, with a test's own ports in the places of theirs; and the programs that they are for.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from './program.ts'

/** @throws Error where the example has none of what is to be replaced, or more than one: then it is not the example that is tried */
export async function readExample(file: string, replacements: Readonly<Record<string, string>> = {}): Promise<string> {
  let text = await readFile(join(root, 'examples', file), 'utf8')
  for (const [from, to] of Object.entries(replacements)) {
    const parts = text.split(from)
    if (parts.length !== 2) throw new Error(`examples/${file} has ${JSON.stringify(from)} ${parts.length - 1} times`)
    text = parts.join(to)
  }
  return text
}

const pollMs = 20
/** Not an expectation: where nothing happens at all, a test had better end. */
const hopelessMs = 30_000

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Some daemon in the foreground, until it is disposed of. */
export class Daemon implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #over: Promise<unknown>
  #output = ''

  /** Resolves when the port is listened on. */
  static async start(port: number, command: string, ...args: readonly string[]): Promise<Daemon> {
    const daemon = new Daemon(command, args)
    const giveUpAt = performance.now() + hopelessMs
    while (!(await isListening(port))) {
      if (daemon.#child.exitCode !== null || performance.now() > giveUpAt) {
        await daemon[Symbol.asyncDispose]()
        throw new Error(`${command} ${args.join(' ')} does not listen on ${port}:\n${daemon.#output}`)
      }
      await sleep(pollMs)
    }
    return daemon
  }

  private constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    living.add(this.#child)
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.setEncoding('utf8').on('data', (text) => (this.#output += text))
    this.#over = once(this.#child, 'close').then(() => living.delete(this.#child))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#over
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
