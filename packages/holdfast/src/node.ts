/** The entry for Node: the same, with the package `ws` underneath when it is installed, and its diagnostics channel. */

import { nodePlatform } from './client/node-platform.ts'
import { usePlatform } from './client/platform.ts'

usePlatform(nodePlatform)

export * from './index.ts'
