/** Exceptions of the application's code that nobody's call stack wants. */

/** Told the platform, as for any listener that throws. */
export function report(error: unknown): void {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error)
  else
    queueMicrotask(() => {
      throw error
    })
}

/** Runs the application's code; what it throws is reported, not passed on. */
export function guarded<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    report(error)
    return undefined
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
