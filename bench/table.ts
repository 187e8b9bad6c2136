/**
 * Writes the tables of the README and the guide from the results of the benches, each between its markers: `<!-- bench -->`, `<!-- reach -->`
 * and `<!-- gateway -->`.
 *
 *   npm run bench:table
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderGateway } from './table/gateway-table.ts'
import { readBlock, replaceBlock } from './table/marked-block.ts'
import { renderReach } from './table/reach-table.ts'
import { renderTable } from './table/readme-table.ts'

const root = join(import.meta.dirname, '..')
const tables = [
  { name: 'bench', document: 'README.md', file: 'results.json', command: 'npm run bench', render: renderTable },
  {
    name: 'reach',
    document: 'README.md',
    file: 'reach.json',
    command: 'npm run bench:reach -- --json bench/reach.json',
    render: renderReach,
  },
  {
    name: 'gateway',
    document: 'docs/guide/gateway-figures.md',
    file: 'gateway.json',
    command: 'npm run bench:gateway',
    render: renderGateway,
  },
] as const

for (const { name, document, file, command, render } of tables) {
  const results = join(import.meta.dirname, file)
  const path = join(root, document)
  const before = readFileSync(path, 'utf8')
  if (!existsSync(results)) fail(`bench/${file} is missing: ${command}`)
  else if (readBlock(before, name) === undefined) fail(`${document} has no <!-- ${name} --> and <!-- /${name} -->: nothing was written`)
  else {
    const after = replaceBlock(before, name, render(JSON.parse(readFileSync(results, 'utf8'))))
    if (after !== before) writeFileSync(path, after)
    console.log(`${document}: the table ${name} ${after === before ? 'was up to date' : 'was brought up to date'}`)
  }
}

function fail(text: string): void {
  console.error(text)
  process.exitCode = 1
}
