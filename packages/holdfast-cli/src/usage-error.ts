/** The caller's fault: the message says what is wrong, where, and what to do. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}
