/** Who is measured: what a server does for its connections while nothing is said. */

/** The loop that has nothing to do: what the machine itself makes of it. */
export const idleLoop = 'ws, no heartbeat'
/** Pings as evenly as a timer lets them be, and nothing kept of them: what a ping costs. */
export const bareSpread = 'ws, bare spread'
/** The same pings in groups, as our wheel makes them. */
export const bareGroups = 'ws, bare groups'
export const sweep = 'ws, README sweep'
export const timerEach = 'ws, a timer each'
export const ourPlain = 'holdfast, plain'
export const ourSession = 'holdfast, session'

export type ServerSubject =
  | typeof idleLoop
  | typeof bareSpread
  | typeof bareGroups
  | typeof sweep
  | typeof timerEach
  | typeof ourPlain
  | typeof ourSession

export function isOurs(subject: ServerSubject): boolean {
  return subject === ourPlain || subject === ourSession
}
