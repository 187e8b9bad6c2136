// The files of examples/, with a test's own ports in the places of theirs.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './program.ts'

/** @throws Error where the example has none of what is to be replaced, or more than one: then it is not the example that is tried */
export async function readExample(file: string, replacements: Readonly<Record<string, string>> = {}): Promise<string> {
  let text = await readFile(join(root, 'examples', file), 'utf8')
  for (const [from, to] of Object.entries(replacements)) {
    const parts = text.split(from)
    if (parts.length !== 2) throw new Error(`examples/${file} has ${JSON.stringify(from)} ${parts.length - 1} times`)
    text = parts.join(to)
  }
  return text
}
