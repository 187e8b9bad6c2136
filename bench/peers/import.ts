/** What it costs to import a library: CPU of a process that does nothing else, above one that imports a package with nothing in it. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fewFiles, type Measure } from './measure.ts'
import { verdict } from './result.ts'
import { cells, difference, takeTurns } from './turns.ts'

const modules = {
  /** What Node takes to find, read and link any package. */
  nothing: 'holdfast-bench-empty',
  ws: 'ws',
  holdfast: 'holdfast',
  'reconnecting-websocket': 'reconnecting-websocket',
  partysocket: 'partysocket/ws',
  'websocket-ts': 'websocket-ts',
  'socket.io': 'socket.io-client',
} as const
type Imported = keyof typeof modules
const subjects = Object.keys(modules) as Imported[]

const atMostMs = 4
const usPerMs = 1_000
const folder = join(import.meta.dirname, '..')

export const importCost: Measure = {
  name: 'import',
  title: 'CPU of an import, above that of an empty package',
  isAlone: true,
  openFiles: fewFiles,
  run: async ({ isQuick, tell }) => {
    const rounds = isQuick ? 7 : 21
    const samples = await takeTurns(rounds, subjects, (subject, round) => {
      if (subject === subjects[0]) tell(`round ${round + 1} of ${rounds}`)
      return cpuMsOf(modules[subject])
    })
    const { nothing: _, ...found } = cells(samples, (subject) => difference(samples, subject, 'nothing'))
    const row = { id: 'import', what: 'import', unit: 'ms', absoluteUnit: 'ms', n: rounds, cells: found }
    const ours = difference(samples, 'holdfast', 'nothing')
    return {
      rows: [row],
      verdicts: [
        verdict('import', ours.value, atMostMs, 'ms above an empty package'),
        verdict('modules of ws loaded by the import', await wsModulesLoaded(), 0, 'modules'),
      ],
    }
  },
}

async function cpuMsOf(module: string): Promise<number> {
  const { user, system } = JSON.parse(await run(`import ${JSON.stringify(module)}\nconsole.log(JSON.stringify(process.cpuUsage()))`))
  return (user + system) / usPerMs
}

/** How many modules of the package `ws` an import of ours has loaded. */
async function wsModulesLoaded(): Promise<number> {
  const source = `
    import { registerHooks } from 'node:module'
    let count = 0
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context)
        if (found.url.includes('/node_modules/ws/')) count++
        return found
      },
    })
    await import('holdfast')
    console.log(count)`
  return Number(await run(source))
}

async function run(source: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source], { cwd: folder })
  return stdout
}
