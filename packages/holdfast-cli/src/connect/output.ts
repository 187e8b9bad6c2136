/** Where a conversation is written: data to stdout, words to stderr. */

export interface Output {
  /** Resolves when there is room for more. */
  data(line: string): Promise<void>
  words(line: string): void
  close(): void
}

/** Through pipes and into files. */
export class StreamOutput implements Output {
  readonly #receiveGone: () => void
  #waiting: (() => void)[] = []
  #isGone = false

  /** @param receiveGone nobody reads any more */
  constructor(receiveGone: () => void) {
    this.#receiveGone = receiveGone
    for (const stream of [process.stdout, process.stderr]) stream.on('error', this.#fail)
    process.stdout.on('drain', this.#drain)
  }

  async data(line: string): Promise<void> {
    if (this.#isGone || process.stdout.write(`${line}\n`)) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  words(line: string): void {
    if (!this.#isGone) process.stderr.write(`${line}\n`)
  }

  close(): void {
    process.stdout.off('drain', this.#drain)
  }

  readonly #drain = (): void => {
    const waiting = this.#waiting
    this.#waiting = []
    for (const tell of waiting) tell()
  }

  readonly #fail = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error
    this.#isGone = true
    this.#drain()
    this.#receiveGone()
  }
}
