// One direction of one connection: chunks of a source, through delay, limit and slice, to a destination.
//
//            ┌──────────── running ────────────┐
//   held ◀──▶│ idle   waiting   turn   drain   │──▶ finished   the end was passed on, or the proxy ended the connection
//     │      └─────────────────────────────────┘       ▲
//     └──────────────────▶ lost ───────────────────────┘        a black hole: read, counted, thrown away
//
// Held: the source is paused, so that at most `maxQueuedBytes` and what the kernel takes are kept, and it may still be decided later
// whether that is released or lost. Bytes already handed to the destination's socket count as delivered.

import type { Socket } from 'node:net'
import { ChunkQueue } from './chunk-queue.ts'
import { dueTime, type Shape } from './shape.ts'
import { resetSocket } from './socket-reset.ts'
import { TokenBucket } from './token-bucket.ts'

/** What a flow tells about itself. */
export type FlowObserver = {
  forwarded(bytes: number): void
  discarded(bytes: number): void
  /** It will pass nothing on any more. */
  over(): void
}

export type FlowOptions = {
  readonly source: Socket
  readonly destination: Socket
  readonly shape: Shape
  readonly random: () => number
  readonly observer: FlowObserver
}

type FlowState =
  | { readonly name: 'held' }
  | { readonly name: 'idle' }
  | { readonly name: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly name: 'turn'; readonly immediate: NodeJS.Immediate }
  | { readonly name: 'drain' }
  | { readonly name: 'lost' }
  | { readonly name: 'finished' }

type StateName = FlowState['name']

/** How the source ended, and when the destination is to hear of it. */
type Ending =
  | { readonly name: 'open' }
  | { readonly name: 'fin'; readonly dueAt: number }
  | { readonly name: 'reset'; readonly dueAt: number }

const anywhere: readonly StateName[] = ['held', 'idle', 'waiting', 'turn', 'drain', 'lost', 'finished']
const legal: Readonly<Record<StateName, readonly StateName[]>> = {
  held: anywhere,
  idle: anywhere,
  waiting: anywhere,
  turn: anywhere,
  drain: anywhere,
  lost: ['finished'],
  finished: [],
}

const maxQueuedBytes = 1024 * 1024

export class Flow {
  readonly #source: Socket
  readonly #destination: Socket
  readonly #random: () => number
  readonly #observer: FlowObserver
  readonly #queue = new ChunkQueue()
  #shape: Shape
  #bucket: TokenBucket
  #lastDueAt = 0
  #ending: Ending = { name: 'open' }
  #state: FlowState = { name: 'held' }

  constructor({ source, destination, shape, random, observer }: FlowOptions) {
    this.#source = source
    this.#destination = destination
    this.#random = random
    this.#observer = observer
    this.#shape = shape
    this.#bucket = new TokenBucket(shape.bytesPerSecond, performance.now())
    source.pause()
  }

  get isOver(): boolean {
    return this.#state.name === 'finished' || (this.#state.name === 'lost' && this.#ending.name !== 'open')
  }

  /** It is a black hole. */
  get isLost(): boolean {
    return this.#state.name === 'lost'
  }

  /** Bytes of the source. */
  receive(bytes: Uint8Array): void {
    if (!this.#canCarry) {
      this.#observer.discarded(bytes.length)
      return
    }
    this.#queue.push({ bytes, dueAt: this.#nextDueAt() })
    if (this.#state.name === 'idle') this.#pump()
    else this.#regulate()
  }

  /** The source sent its FIN. */
  receiveFin(): void {
    if (this.#ending.name !== 'open') return
    this.#end({ name: 'fin', dueAt: this.#nextDueAt() })
  }

  /** The source is gone without an orderly end. This overtakes what is queued once its own time has come, as RST does. */
  receiveReset(): void {
    if (this.#ending.name === 'reset') return
    this.#end({ name: 'reset', dueAt: this.#nextDueAt() })
  }

  /** The destination takes bytes again. */
  receiveDrain(): void {
    if (this.#state.name === 'drain') this.#pump()
  }

  reshape(shape: Shape): void {
    if (shape.bytesPerSecond !== this.#shape.bytesPerSecond) this.#bucket = new TokenBucket(shape.bytesPerSecond, performance.now())
    this.#shape = shape
    if (this.#isRunning) this.#pump()
  }

  hold(): void {
    if (this.#isRunning) this.#become({ name: 'held' })
  }

  release(): void {
    if (this.#state.name === 'held') this.#pump()
  }

  /** Becomes a black hole. */
  lose(): void {
    if (!this.#canCarry) return
    this.#discardQueue()
    this.#become({ name: 'lost' })
    if (this.isOver) this.#observer.over()
  }

  /** Stops for good without telling the destination: the caller does. */
  finish(): void {
    if (this.#state.name === 'finished') return
    this.#discardQueue()
    this.#become({ name: 'finished' })
  }

  get #isRunning(): boolean {
    return this.#canCarry && this.#state.name !== 'held'
  }

  get #canCarry(): boolean {
    return this.#state.name !== 'lost' && this.#state.name !== 'finished'
  }

  #nextDueAt(): number {
    this.#lastDueAt = dueTime(this.#shape, performance.now(), this.#lastDueAt, this.#random)
    return this.#lastDueAt
  }

  #end(ending: Ending): void {
    const wasFinished = this.#state.name === 'finished'
    this.#ending = ending
    if (wasFinished && ending.name === 'reset') resetSocket(this.#destination)
    else if (this.#isRunning) this.#pump()
    else if (this.isOver) this.#observer.over()
  }

  #pump(): void {
    const next = this.#advance(performance.now())
    this.#become(next)
    if (next.name === 'finished') this.#observer.over()
  }

  /** Passes on all that may go now. The state that follows waits for whatever the next bytes need. */
  #advance(now: number): FlowState {
    const ending = this.#ending
    if (ending.name === 'reset' && (now >= ending.dueAt || this.#destination.writableNeedDrain)) return this.#passReset()
    for (let chunk = this.#queue.first; chunk; chunk = this.#queue.first) {
      if (this.#destination.writableNeedDrain) return { name: 'drain' }
      if (chunk.dueAt > now) return this.#waiting(chunk.dueAt, now)
      const wanted = Math.min(chunk.bytes.length, this.#shape.maxSliceBytes || chunk.bytes.length)
      const granted = this.#shape.bytesPerSecond === 0 ? wanted : this.#bucket.grant(now, wanted)
      if (granted === 0) return this.#waiting(this.#bucket.readyAt(now, wanted), now)
      this.#write(granted)
      if (this.#shape.maxSliceBytes > 0) return { name: 'turn', immediate: setImmediate(() => this.#pump()) }
    }
    if (ending.name === 'open') return { name: 'idle' }
    if (ending.dueAt > now) return this.#waiting(ending.dueAt, now)
    this.#destination.end()
    return { name: 'finished' }
  }

  #passReset(): FlowState {
    this.#discardQueue()
    resetSocket(this.#destination)
    return { name: 'finished' }
  }

  #write(bytes: number): void {
    if (this.#shape.bytesPerSecond > 0) this.#bucket.spend(bytes)
    this.#destination.write(this.#queue.take(bytes))
    this.#observer.forwarded(bytes)
  }

  #waiting(dueAt: number, now: number): FlowState {
    const wakeAt = this.#ending.name === 'reset' ? Math.min(dueAt, this.#ending.dueAt) : dueAt
    return { name: 'waiting', timer: setTimeout(() => this.#pump(), Math.ceil(wakeAt - now)) }
  }

  #discardQueue(): void {
    if (this.#queue.byteLength > 0) this.#observer.discarded(this.#queue.byteLength)
    this.#queue.clear()
  }

  #become(next: FlowState): void {
    if (!legal[this.#state.name].includes(next.name)) throw new Error(`a flow cannot go from ${this.#state.name} to ${next.name}`)
    if (this.#state.name === 'waiting') clearTimeout(this.#state.timer)
    if (this.#state.name === 'turn') clearImmediate(this.#state.immediate)
    this.#state = next
    this.#regulate()
  }

  /** Reads the source only while there is room, which is what makes the sender feel back-pressure. */
  #regulate(): void {
    const isFull = this.#queue.weight >= maxQueuedBytes || this.#state.name === 'drain' || this.#state.name === 'held'
    if (isFull === this.#source.isPaused()) return
    if (isFull) this.#source.pause()
    else this.#source.resume()
  }
}
