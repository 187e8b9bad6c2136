// `node scripts/run.mjs entry.ts …` runs TypeScript unbuilt, with the packages of this workspace resolved to their sources;
// whatever `node` takes in place of an entry works too (`node scripts/run.mjs --test …`).
// Conditions cannot be added to a running Node, so this starts another and stands in for it.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { requireNode } from './node-version.mjs'

const usageError = 2
const signalBase = 128

requireNode()
const args = process.argv.slice(2)
if (args.length === 0) {
  console.error('usage: node scripts/run.mjs <entry.ts> [arguments]')
  process.exit(usageError)
}

const options = ['--conditions=holdfast-source', '--disable-warning=ExperimentalWarning']
const child = spawn(process.execPath, [...options, ...args], { stdio: 'inherit' })
child.on('error', (error) => {
  console.error(`${process.execPath} could not be started: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(signal ? signalBase + constants.signals[signal] : code))

// A terminal sends Ctrl-C to every process in the foreground. Forwarded as well it would arrive twice, and a second one means
// "at once" to many programs.
const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor))
process.on('SIGINT', () => hasTerminal || child.kill('SIGINT'))
process.on('SIGTERM', () => child.kill('SIGTERM'))
