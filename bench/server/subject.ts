/** Who is measured: what a server does for its connections while nothing is said. */

/** The loop that has nothing to do: what the machine itself makes of it. */
export const idleLoop = 'ws, no heartbeat'
/** A ping now and then, as thinly as ours, and nothing kept of it: what a ping costs. */
export const bareSpread = 'ws, bare spread'
export const sweep = 'ws, README sweep'
export const timerEach = 'ws, a timer each'
export const ourPlain = 'holdfast, plain'
export const ourSession = 'holdfast, session'

export type ServerSubject = typeof idleLoop | typeof bareSpread | typeof sweep | typeof timerEach | typeof ourPlain | typeof ourSession

export function isOurs(subject: ServerSubject): boolean {
  return subject === ourPlain || subject === ourSession
}
