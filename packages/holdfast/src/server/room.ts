/** Those who wait until more can be sent. Woken, each looks for itself whether there is room now. */
export class Room {
  #waiting: (() => void)[] = []

  /** Rejects with the signal's reason when that aborts. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal?.reason)
      signal?.addEventListener('abort', stop, { once: true })
      this.#waiting.push(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      })
    })
  }

  wake(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const tell of waiting) tell()
  }
}
