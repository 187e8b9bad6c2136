/** What a refusal leaves its client. */

import type { Refusal } from '../../packages/holdfast/src/core/control.ts'

/** After these a new session may begin on the same link. */
export const lostForGood: readonly Refusal[] = ['unknown', 'expired', 'state']
