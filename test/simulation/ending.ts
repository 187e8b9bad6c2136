/** How an end is called, by counters and by traces. */

import type { CloseInfo } from '../../packages/holdfast/src/core/close-info.ts'

/** Ends that differ in kind have different names. */
export function endName({ code, reason, wasClean, cause }: CloseInfo): string {
  if (wasClean) return `${cause} clean`
  if (reason.startsWith('session-lost:')) return reason
  if (cause === 'protocol') return code === 1009 ? 'poison' : 'violation'
  return code === 1006 || cause === 'overflow' ? cause : `${cause} ${code}`
}

export function showClose({ code, reason, wasClean, cause }: CloseInfo): string {
  return `${code} ${cause}${reason && ` “${reason}”`}${wasClean ? ' clean' : ''}`
}
