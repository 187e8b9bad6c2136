/** How clients come back, and what the server does about it: settings of the one client machine, and whether there is admission. */

export interface Strategy {
  readonly jitter: 'equal' | 'none'
  readonly hasAdmission: boolean
  /**
   * What a client holds: nothing; nothing, and it sees the status of a refused upgrade (no browser shows it); a session that the server
   * still has; one that went away with the server.
   */
  readonly client: 'plain' | 'plain, sees Retry-After' | 'session, kept' | 'session, gone'
}

export const strategies = {
  'unjittered backoff, no admission': { jitter: 'none', hasAdmission: false, client: 'plain' },
  'equal jitter, no admission': { jitter: 'equal', hasAdmission: false, client: 'plain' },
  'holdfast, session kept': { jitter: 'equal', hasAdmission: true, client: 'session, kept' },
  'holdfast, session gone': { jitter: 'equal', hasAdmission: true, client: 'session, gone' },
  'holdfast, plain in Node': { jitter: 'equal', hasAdmission: true, client: 'plain, sees Retry-After' },
  'holdfast, plain in a browser': { jitter: 'equal', hasAdmission: true, client: 'plain' },
} as const satisfies Record<string, Strategy>

export type StrategyName = keyof typeof strategies
export const strategyNames = Object.keys(strategies) as readonly StrategyName[]
