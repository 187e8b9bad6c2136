/**
 * Writes the tables of the README from the results of the benches, each between its markers: `<!-- bench -->` and `<!-- reach -->`.
 *
 *   npm run bench:table
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readBlock, replaceBlock } from './table/marked-block.ts'
import { renderReach } from './table/reach-table.ts'
import { renderTable } from './table/readme-table.ts'

const readme = join(import.meta.dirname, '../README.md')
const tables = [
  { name: 'bench', file: 'results.json', command: 'npm run bench', render: renderTable },
  { name: 'reach', file: 'reach.json', command: 'npm run bench:reach -- --json bench/reach.json', render: renderReach },
] as const

for (const { name, file, command, render } of tables) {
  const results = join(import.meta.dirname, file)
  const before = readFileSync(readme, 'utf8')
  if (!existsSync(results)) fail(`bench/${file} is missing: ${command}`)
  else if (readBlock(before, name) === undefined) fail(`README.md has no <!-- ${name} --> and <!-- /${name} -->: nothing was written`)
  else {
    const after = replaceBlock(before, name, render(JSON.parse(readFileSync(results, 'utf8'))))
    if (after !== before) writeFileSync(readme, after)
    console.log(`README.md: the table ${name} ${after === before ? 'was up to date' : 'was brought up to date'}`)
  }
}

function fail(text: string): void {
  console.error(text)
  process.exitCode = 1
}
