/** Exponential backoff with jitter: how long retry n waits. */

export type Jitter = 'equal' | 'full' | 'none'

export interface BackoffPolicy {
  /** Milliseconds. */
  readonly minDelay: number
  /** Milliseconds. */
  readonly maxDelay: number
  readonly factor: number
  readonly jitter: Jitter
}

/**
 * Milliseconds before retry `attempt` (1 is the first after a loss): d = min(maxDelay, minDelay · factor^(attempt − 1)), then
 * `'equal'` d/2 + U(0, d/2), `'full'` U(0, d), `'none'` d. With jitter the first retry waits U(0, minDelay): one lost link is
 * repaired at once, and a fleet that lost its server together does not come back together.
 *
 * @param random draws from [0, 1)
 */
export function backoffDelay(policy: BackoffPolicy, attempt: number, random: () => number): number {
  const delay = Math.min(policy.maxDelay, policy.minDelay * policy.factor ** (attempt - 1))
  if (policy.jitter === 'none') return delay
  if (policy.jitter === 'full' || attempt === 1) return random() * delay
  return delay / 2 + (random() * delay) / 2
}
