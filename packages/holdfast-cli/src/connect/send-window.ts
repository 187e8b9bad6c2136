/** How much is under way at once: messages that were sent and whose fate is open. One sender at a time. */

export interface WindowLimits {
  readonly maxMessages: number
  readonly maxBytes: number
}

export class SendWindow {
  readonly #limits: WindowLimits
  #messages = 0
  #bytes = 0
  #wake: () => void = () => {}

  constructor(limits: WindowLimits) {
    this.#limits = limits
  }

  /** Sends now, and resolves when there is room for one more. @param send resolves when its message is settled, and never rejects */
  async start(bytes: number, send: () => Promise<void>): Promise<void> {
    this.#messages++
    this.#bytes += bytes
    void this.#settle(bytes, send())
    while (this.#isFull) await this.#change()
  }

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    while (this.#messages > 0) await this.#change()
  }

  get #isFull(): boolean {
    return this.#messages >= this.#limits.maxMessages || this.#bytes >= this.#limits.maxBytes
  }

  async #settle(bytes: number, sending: Promise<void>): Promise<void> {
    await sending
    this.#messages--
    this.#bytes -= bytes
    this.#wake()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }
}
