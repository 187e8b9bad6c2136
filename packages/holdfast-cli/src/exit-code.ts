/** What the program tells the shell. */
export const exitCode = {
  ok: 0,
  /** The connection is lost for good. */
  lost: 1,
  usage: 2,
  /** A check failed: what was to be kept was not. */
  failed: 3,
  /** The server refused the handshake, and would again. */
  refused: 4,
  /** It ended in order, but a link died on the way, and what it had taken may not have arrived. */
  uncertain: 5,
  timedOut: 124,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof exitCode)[keyof typeof exitCode]
