/**
 * Writes the tables of the README and of the guides from the results of the benches, each between its markers, as `<!-- bench -->`.
 *
 *   npm run bench:table
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderGateway } from './table/gateway-table.ts'
import { readBlock, replaceBlock } from './table/marked-block.ts'
import { renderReach } from './table/reach-table.ts'
import { renderTable } from './table/readme-table.ts'
import { renderSuite } from './table/suite-table.ts'

const root = join(import.meta.dirname, '..')
const scale = 'docs/guide/scale.md'
const tables = [
  { name: 'bench', page: 'README.md', file: 'results.json', command: 'npm run bench', render: renderTable },
  { name: 'reach', page: 'README.md', file: 'reach.json', command: 'npm run bench:reach -- --json bench/reach.json', render: renderReach },
  { name: 'sessions', page: 'docs/guide/sessions.md', file: 'sessions.json', command: 'npm run bench:sessions', render: renderSuite },
  { name: 'server', page: scale, file: 'server.json', command: 'npm run bench:server', render: renderSuite },
  { name: 'storm', page: scale, file: 'storm.json', command: 'npm run bench:storm', render: renderSuite },
  { name: 'fleet', page: scale, file: 'fleet.json', command: 'npm run bench:fleet', render: renderSuite },
  { name: 'gateway', page: 'docs/guide/gateway-figures.md', file: 'gateway.json', command: 'npm run bench:gateway', render: renderGateway },
] as const

for (const { name, page, file, command, render } of tables) {
  const results = join(import.meta.dirname, file)
  const path = join(root, page)
  const before = readFileSync(path, 'utf8')
  if (!existsSync(results)) fail(`bench/${file} is missing: ${command}`)
  else if (readBlock(before, name) === undefined) fail(`${page} has no <!-- ${name} --> and <!-- /${name} -->: nothing was written`)
  else {
    const after = replaceBlock(before, name, render(JSON.parse(readFileSync(results, 'utf8'))))
    if (after !== before) writeFileSync(path, after)
    console.log(`${page}: the table ${name} ${after === before ? 'was up to date' : 'was brought up to date'}`)
  }
}

function fail(text: string): void {
  console.error(text)
  process.exitCode = 1
}
