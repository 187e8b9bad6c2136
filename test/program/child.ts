// The program in a process of its own, as long as a test needs it: what it says is waited for, what it reads is written, it is ended by
// signals, and nothing of it is left behind.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { programArgs, root } from './program.ts'

/** Not an expectation: where nothing happens at all, a test had better end. */
const hopelessMs = 60_000

const living = new Set<Child>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export class Child implements AsyncDisposable {
  stdout = ''
  stderr = ''
  /** The exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>
  readonly #process: ChildProcessWithoutNullStreams
  readonly #args: readonly string[]
  #told: () => void = () => {}
  #isOver = false

  constructor(...args: readonly string[]) {
    this.#args = args
    this.#process = spawn(process.execPath, [...programArgs, ...args], { cwd: root, stdio: 'pipe' })
    living.add(this)
    for (const name of ['stdout', 'stderr'] as const)
      this.#process[name].setEncoding('utf8').on('data', (text: string) => {
        this[name] += text
        this.#told()
      })
    this.#process.stdin.on('error', () => {})
    this.exit = once(this.#process, 'close').then(([code]) => {
      living.delete(this)
      this.#isOver = true
      this.#told()
      return code
    })
  }

  write(text: string): void {
    this.#process.stdin.write(text)
  }

  /** Says what is left to say, then closes its stdin. */
  end(text = ''): void {
    this.#process.stdin.end(text)
  }

  /** Nobody reads its data any more. */
  closeStdout(): void {
    this.#process.stdout.destroy()
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** What the stream says, once that matches. */
  async says(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    const giveUp = setTimeout(() => this.#told(), hopelessMs)
    const giveUpAt = performance.now() + hopelessMs
    try {
      for (;;) {
        const match = pattern.exec(this[stream])
        if (match) return match
        if (this.#isOver || performance.now() >= giveUpAt)
          throw new Error(
            `holdfast ${this.#args.join(' ')} never said ${pattern} on ${stream}; it said\n${this.stdout}\nand\n${this.stderr}`,
          )
        await new Promise<void>((resolve) => (this.#told = resolve))
      }
    } finally {
      clearTimeout(giveUp)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOver) this.kill('SIGKILL')
    await this.exit
  }
}

export interface Listening {
  readonly child: Child
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
}

/** `holdfast serve` on a free port. */
export async function startServe(...args: readonly string[]): Promise<Listening> {
  const child = new Child('serve', '--listen', '0', '--json', ...args)
  const [, url = ''] = await child.says(/"url":"([^"]+)"/)
  return { child, url, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}

export interface Gateway extends Listening {
  /** Of the admin listener. */
  readonly admin: string
}

/** `holdfast gateway` on free ports, which writes its log as JSON. */
export async function startGateway(...args: readonly string[]): Promise<Gateway> {
  const child = new Child('gateway', '--listen', '0', '--admin', '0', ...args)
  const [, admin = ''] = await child.says(/"admin":"([^"]+)"/, 'stderr')
  const [, url = ''] = await child.says(/"url":"([^"]+)"/, 'stderr')
  return { child, url, admin: `http://${admin}`, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}

export interface Breaking extends Listening {
  /** An order to the control port; resolves with the status and the body. */
  order(path: string, method?: string): Promise<{ status: number; body: any }>
}

/** `holdfast chaos` on a free port in front of that url, with a control port. */
export async function startChaos(upstream: string, ...args: readonly string[]): Promise<Breaking> {
  const child = new Child('chaos', upstream, '--listen', '0', '--control', '0', '--json', ...args)
  const [, port] = await child.says(/"event":"listen","host":"127\.0\.0\.1","port":(\d+)/)
  const [, control = ''] = await child.says(/"control":"([^"]+)"/)
  const order = async (path: string, method = 'POST'): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${control}${path}`, { method })
    return { status: response.status, body: await response.json() }
  }
  return { child, url: `ws://127.0.0.1:${port}`, order, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() }
}
