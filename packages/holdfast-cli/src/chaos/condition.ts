/** What the proxy does to traffic at the moment, as its records tell: which directions are frozen, and whether it refuses. */

import { coveringDirection, type Direction, directionsOf } from '../fault/direction.ts'
import type { FaultRecord, FreezeDirection } from '../fault/index.ts'

export class Condition {
  readonly #frozen = new Set<Direction>()
  #isRefusing = false

  /** Undefined when nothing is frozen. */
  get frozen(): FreezeDirection | undefined {
    return coveringDirection(this.#frozen)
  }

  get isRefusing(): boolean {
    return this.#isRefusing
  }

  receive(record: FaultRecord): void {
    switch (record.event) {
      case 'freeze':
        for (const each of directionsOf(record.direction)) this.#frozen.add(each)
        return
      case 'heal':
        for (const each of directionsOf(record.direction)) this.#frozen.delete(each)
        return
      case 'refuse':
        this.#isRefusing = true
        return
      case 'accept':
        this.#isRefusing = false
        return
      case 'listen':
      case 'connect':
      case 'unreachable':
      case 'disconnect':
      case 'cut':
      case 'reset':
      case 'delay':
      case 'slice':
      case 'limit':
      case 'error':
      case 'close':
        return
    }
  }
}
