/** Lines for the application's logger. They name a session by the beginning of its id: the whole id is half of a credential. */

export interface Logger {
  debug(fields: object, message?: string): void
  info(fields: object, message?: string): void
  warn(fields: object, message?: string): void
  error(fields: object, message?: string): void
}

export type Level = keyof Logger

const shownCharacters = 6

export class Journal {
  readonly #logger: Logger | undefined
  readonly #name: string | undefined

  constructor(logger: Logger | undefined, name: string | undefined) {
    this.#logger = logger
    this.#name = name
  }

  session(level: Level, text: string, sid: string, more: object): void {
    if (this.#logger) this.#write(level, `session ${text}`, { session: sid.slice(0, shownCharacters), ...more })
  }

  /** About a client that has no session, and so no name but its address. */
  plain(level: Level, text: string, address: string | undefined, more: object): void {
    if (this.#logger) this.#write(level, `plain client ${text}`, { address, ...more })
  }

  server(level: Level, text: string, fields: object): void {
    this.#write(level, text, fields)
  }

  /** What the application got wrong; without a logger the process is warned. */
  fault(text: string, error: unknown): void {
    if (this.#logger) this.#write('error', text, { err: error })
    else process.emitWarning(`holdfast: ${text}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }

  /** A logger that throws must not end sessions. */
  #write(level: Level, text: string, fields: object): void {
    try {
      this.#logger?.[level]({ name: this.#name, ...fields }, `holdfast: ${text}`)
    } catch (error) {
      process.emitWarning(`holdfast: the logger failed: ${String(error)}`)
    }
  }
}
