import { createServer, type Server, type Socket } from 'node:net'

export type GateOptions = {
  readonly host: string
  readonly port: number
  receiveClient(client: Socket): void
  receiveError(error: Error): void
}

type GateState =
  | { readonly name: 'shut' }
  | { readonly name: 'open'; readonly server: Server }
  | { readonly name: 'closed'; readonly done: Promise<void> }

/**
 * A listening port which can be shut and opened again under the same number. While it is shut the operating system refuses connections
 * itself; sockets accepted before live on. Calls are carried out one after the other.
 */
export class Gate {
  readonly host: string
  readonly #options: GateOptions
  #port: number
  #state: GateState = { name: 'shut' }
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: GateOptions) {
    this.host = options.host
    this.#port = options.port
    this.#options = options
  }

  /** The number it was asked for, or the one the system chose at the first opening. */
  get port(): number {
    return this.#port
  }

  /** Resolves with whether this changed anything. */
  open(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#state.name === 'closed') throw new Error('this proxy is closed; start another with FaultProxy.listen()')
      if (this.#state.name === 'open') return false
      this.#state = { name: 'open', server: await this.#listen() }
      return true
    })
  }

  /** Resolves with whether this changed anything. */
  shut(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#state.name !== 'open') return false
      this.#state.server.close()
      this.#state = { name: 'shut' }
      return true
    })
  }

  /** Shuts for good. Resolves when the port is free and every socket it accepted since the last opening is closed. */
  close(): Promise<void> {
    return this.#inTurn(() => {
      if (this.#state.name === 'closed') return this.#state.done
      const done = this.#state.name === 'open' ? closeServer(this.#state.server) : Promise.resolve()
      this.#state = { name: 'closed', done }
      return done
    })
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => {})
    return done
  }

  #listen(): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true })
      const fail = (error: Error): void => reject(this.#explain(error))
      server.once('error', fail)
      server.on('connection', (client) => this.#options.receiveClient(client))
      server.listen({ host: this.host, port: this.#port }, () => {
        server.off('error', fail)
        server.on('error', (error) => this.#options.receiveError(error))
        const address = server.address()
        if (address !== null && typeof address === 'object') this.#port = address.port
        resolve(server)
      })
    })
  }

  #explain(cause: Error & { readonly code?: string }): Error {
    const isTaken = cause.code === 'EADDRINUSE'
    const message = isTaken
      ? `port ${this.#port} on ${this.host} is already in use; choose another with port, or stop what is listening there`
      : `cannot listen on port ${this.#port} of ${this.host}: ${cause.message}`
    return new Error(message, { cause })
  }
}

const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))
