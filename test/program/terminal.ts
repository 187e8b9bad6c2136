// A real terminal, with nobody in front of it: tmux, on a server of its own.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { programArgs, root } from './program.ts'

const pollMs = 50
/** Not an expectation: where nothing appears at all, a test had better end. */
const hopelessMs = 60_000

export class Terminal implements AsyncDisposable {
  readonly #folder: string

  /** Runs the program; after it the terminal shows `exit=…` and the mode that it was left in. */
  static async start(args: readonly string[]): Promise<Terminal> {
    const terminal = new Terminal(await mkdtemp(join(tmpdir(), 'holdfast-terminal-')))
    const program = [process.execPath, ...programArgs, ...args].map(quoted).join(' ')
    const script = `cd ${quoted(root)}; ${program}; echo "exit=$?"; stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo' | xargs; cat`
    await terminal.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '110', '-y', '50', `sh -c ${quoted(script)}`)
    return terminal
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** In tmux's words: `q`, `C-c`. */
  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key)
  }

  /** What it shows, once that matches. */
  async shows(pattern: RegExp): Promise<string> {
    const giveUpAt = performance.now() + hopelessMs
    for (;;) {
      const text = await this.#tmux('capture-pane', '-p', '-J')
      if (pattern.test(text)) return text
      if (performance.now() > giveUpAt) throw new Error(`the terminal never showed ${pattern}; it shows:\n${text}`)
      await sleep(pollMs)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux('kill-server')
    await rm(this.#folder, { recursive: true })
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('tmux', ['-u', '-S', join(this.#folder, 'socket'), ...args], {
      env: { ...process.env, TMUX: '' },
    })
    return stdout
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
