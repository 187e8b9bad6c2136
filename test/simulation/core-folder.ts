/**
 * Puts another core in the place of this one, for every module that is loaded afterwards: the world itself does not change.
 *
 * A file that is loaded before, or that does not resolve below the folder of the core, stays what it is.
 */

import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const core = new URL('../../packages/holdfast/src/core/', import.meta.url).href

/** Names the folder, for processes whose command line is not ours. */
export const coreVariable = 'HOLDFAST_SIMULATION_CORE'

export function replaceCore(folder: string): void {
  const copy = pathToFileURL(`${folder}/`).href
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      return resolved.url.startsWith(core) ? { ...resolved, url: copy + resolved.url.slice(core.length) } : resolved
    },
  })
}
