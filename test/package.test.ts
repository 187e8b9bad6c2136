// What is shipped: the built output, and what `npm pack` would put into the package.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { pack } from '../scripts/pack.ts'

const root = join(import.meta.dirname, '..')
const library = join(root, 'packages/holdfast')
const limitBytes: Readonly<Record<string, number>> = { holdfast: 562 * 1024, 'holdfast-cli': 400 * 1024 }
/** The code of the library: a file for each entry, and what they share. */
const entries = ['index', 'node', 'server', 'gateway']

/** How a file of the output is read: the real one, or one made up. */
type Read = (file: string) => Promise<string>
const readOutput: Read = (file) => readFile(join(library, 'dist', file), 'utf8')

describe('the built library', () => {
  before(async () => {
    await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: root }).catch((error) => {
      throw new Error(`the library does not build:\n${error.stdout}${error.stderr}`)
    })
  })

  it('has an entry for browsers that knows nothing of ws and Node', async () => {
    assert.deepEqual(await foreign('bundle/index.js', readOutput), [])
  })
  it('would be caught if it did', async () => {
    const sources: Record<string, string> = {
      'index.js': "export { a } from './client/a.js'\nimport './core/none.js'\nconst scheme = 'ws:'",
      'client/a.js': "import { b } from '../core/b.js'\nexport const a = await import('ws')",
      'core/b.js': 'const { connect } = process.getBuiltinModule("node:net")',
      'core/none.js': "// a comment may say 'ws'\n/* or 'node:fs' */ export {}",
      'client/unreached.js': "import 'node:fs'",
    }
    const read: Read = async (file) => sources[file] ?? assert.fail(`${file} was read`)
    assert.deepEqual(await foreign('index.js', read), ["client/a.js: 'ws'", 'core/b.js: "node:net"'])
  })
  it('has one file each for browsers and for Node, whose names are those of the sources', async () => {
    for (const entry of ['index', 'node']) {
      const code = await readOutput(`bundle/${entry}.js`)
      assert.doesNotMatch(code, /\b(?:from|import)\s*\(?\s*['"`]\./, entry)
      for (const name of ['ReconnectingWebSocket', 'ClientMachine', '#startProbe', 'backoffDelay']) assert.ok(code.includes(name), name)
    }
  })
  it('has every file that its exports name', async () => {
    const { exports } = JSON.parse(await readFile(join(library, 'package.json'), 'utf8'))
    for (const file of leaves(exports)) await access(join(library, file))
  })
})

for (const name of ['holdfast', 'holdfast-cli']) {
  describe(`the package ${name}`, () => {
    let files: readonly string[] = []
    let unpackedSize = 0
    before(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-packed-'))
      ;({ files, unpackedSize } = await pack(name, folder))
      await rm(folder, { recursive: true })
    })

    it('ships nothing but code, its types and what is to be read', () => {
      assert.deepEqual(
        files.filter((file) => !mayShip(file)),
        [],
      )
    })
    it('ships the output of its sources, each and no other', async () => {
      const sources = (await sourcesOf(name)).map((file) => file.replace(/\.ts$/, ''))
      const shipped = files.filter((file) => file.startsWith('dist/')).sort()
      const hint = 'remove dist and build again: tsc leaves the output of sources that are gone'
      if (name === 'holdfast-cli') {
        assert.deepEqual(shipped, sources.flatMap((file) => [`dist/${file}.js`, `dist/${file}.d.ts`]).sort(), hint)
        return
      }
      for (const entry of entries) {
        assert.ok(shipped.includes(`dist/bundle/${entry}.js`), entry)
        assert.ok(shipped.includes(`dist/types/${entry}.d.ts`), entry)
      }
      const isOwn = (file: string): boolean =>
        /^dist\/bundle\/shared-\w+\.js$/.test(file) ||
        [...sources, ...entries].some((source) => [`dist/types/${source}.d.ts`, `dist/bundle/${source}.js`].includes(file))
      assert.deepEqual(
        shipped.filter((file) => !isOwn(file)),
        [],
        hint,
      )
    })
    it('is no larger than it should be', () => {
      assert.ok(unpackedSize < limitBytes[name]!, `${unpackedSize} bytes unpacked, more than ${limitBytes[name]}`)
    })
  })
}

describe('what may ship', () => {
  it('is told from what may not', () => {
    for (const file of ['package.json', 'README.md', 'PROTOCOL.md', 'LICENSE', 'dist/index.js', 'dist/core/outbox.d.ts'])
      assert.ok(mayShip(file), file)
    for (const file of [
      'src/index.ts',
      'dist/core/outbox.test.js',
      'dist/core/outbox.test.d.ts',
      'dist/holdfast.tsbuildinfo',
      'tsconfig.json',
      'dist/index.js.map',
      '.env',
    ]) {
      assert.ok(!mayShip(file), file)
    }
  })
})

/** What the code that `entry` reaches says of `ws` and of Node's modules: as an import, or as any other string. */
async function foreign(entry: string, read: Read): Promise<string[]> {
  const found: string[] = []
  const reached = new Set([entry])
  for (const file of reached) {
    const source = (await read(file)).replace(/(^|[\s({[,;])(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm, '$1')
    for (const [text] of source.matchAll(/(['"`])(?:ws|node:[^'"`\n]*)\1/g)) found.push(`${file}: ${text}`)
    for (const [, , specifier] of source.matchAll(/\b(?:from|import)\s*\(?\s*(['"`])(\.[^'"`\n]*)\1/g)) {
      reached.add(posix.join(posix.dirname(file), specifier!))
    }
  }
  return found.sort()
}

function mayShip(file: string): boolean {
  return /^(?:package\.json|LICENSE|[A-Z]+\.md|dist\/[\w./-]+\.(?:js|d\.ts))$/.test(file) && !/\.test\./.test(file)
}

/** The files that conditional exports name, but for those of the sources, which only this repository sees. */
function leaves(exports: unknown): string[] {
  if (typeof exports === 'string') return [exports]
  return Object.entries(exports as object).flatMap(([condition, rest]) => (condition === 'holdfast-source' ? [] : leaves(rest)))
}

async function sourcesOf(name: string): Promise<string[]> {
  const files = await readdir(join(root, 'packages', name, 'src'), { recursive: true })
  return files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('.d.ts'))
}
