// The workspace runs its TypeScript as it is, which needs Node 22.18 or later. It brings its own Node 24 as a dev dependency,
// first in the path of every `npm run`; with install scripts switched off that package arrives without its program.
// This file is read by the Node that is too old: it keeps to what Node 14 understands.

import { existsSync } from 'node:fs'

/** Ends the process with 2 and the cure when this Node cannot run TypeScript. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18)) return
  const isInstalled = existsSync(new URL('../node_modules/node/bin/node', import.meta.url))
  console.error(
    [
      `This workspace needs Node 22.18 or later for its own tools, and this is Node ${process.versions.node} (${process.execPath}).`,
      ...(isInstalled ? notThroughNpm : withoutInstallScripts),
    ].join('\n'),
  )
  process.exit(2)
}

const notThroughNpm = ['Its own Node 24 is first in the path of each npm script: use `npm start`, `npm test` or `npm run …`.']

const withoutInstallScripts = [
  'It brings Node 24 as the dev dependency `node`, whose install script has not run (--ignore-scripts?). Any of these cures it:',
  '  npm rebuild node --foreground-scripts --ignore-scripts=false',
  '  npm ci --ignore-scripts=false',
  '  put a Node of 22.18 or later first in the path',
]
