// Coverage counts a file only once it is loaded. This loads every file of core, so that one without a test shows up with nothing covered.
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'

const names = (await readdir(new URL('.', import.meta.url))).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))

for (const name of names) test(`${name} loads by itself`, () => import(`./${name}`))
