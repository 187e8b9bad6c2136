// Runs every `check:…` script of package.json and says nothing but what fails: first check:types, which builds what the others look at, then all
// others at once. With names, only those: `npm run check -- size unused`.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { requireNode } from './node-version.mjs'

requireNode()
const root = join(import.meta.dirname, '..')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const all = Object.keys(scripts)
  .filter((name) => name.startsWith('check:'))
  .map((name) => name.slice('check:'.length))
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !all.includes(name))
if (unknown.length > 0) {
  console.error(`There is no check:${unknown.join(', no check:')}; there are ${all.join(', ')}.`)
  process.exit(2)
}
const names = asked.length > 0 ? asked : all
const first = await Promise.all(names.filter((name) => name === 'types').map(run))
// What does not compile was not built, so the rest would tell of what was there before.
const results = first.every((isFine) => isFine) ? await Promise.all(names.filter((name) => name !== 'types').map(run)) : [false]
process.exitCode = results.every((isFine) => isFine) ? 0 : 1

/** Whether the script succeeds. What it says is shown only if not, in one piece. */
function run(name) {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` }
    const child = spawn(scripts[`check:${name}`], { cwd: root, env, shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('close', (code) => {
      if (code !== 0) console.error(`✖ check:${name}: ${scripts[`check:${name}`]}\n${Buffer.concat(output).toString().trim()}\n`)
      resolve(code === 0)
    })
  })
}
