/** Which way bytes go: `up` from the client to the upstream, `down` from the upstream to the client. */
export type Direction = 'up' | 'down'

/** The directions a freeze covers. */
export type FreezeDirection = Direction | 'both'

export const freezeDirections: readonly FreezeDirection[] = ['both', 'up', 'down']

export const directionsOf = (covered: FreezeDirection): readonly Direction[] => (covered === 'both' ? ['up', 'down'] : [covered])

/** The inverse of `directionsOf`; `undefined` when nothing is covered. */
export const coveringDirection = (directions: ReadonlySet<Direction>): FreezeDirection | undefined => {
  if (directions.size === 2) return 'both'
  return [...directions][0]
}
