// Who may import whom, and that core stays pure. Every guard is first run over a small broken tree, which it must report: a guard that cannot fail
// guards nothing.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { describe, it } from 'node:test'
import { promisify, stripVTControlCharacters } from 'node:util'

const root = join(import.meta.dirname, '..')
const bin = (name: string): string => join(root, 'node_modules/.bin', name)

/** The rooms of the library, and the rooms that each may import from. The files beside them, the entry points, may import from all. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  client: ['core'],
  server: ['core'],
  gateway: ['core', 'server', 'client'],
}
/** Rooms and files that run in Node only, and so may import `node:` and `ws`. No other file may import them, or a browser would be given them. */
const nodeOnly = ['server/', 'gateway/', 'client/node-platform.ts', 'client/ws-link.ts', 'node.ts', 'server.ts', 'gateway.ts']
/** What the program may import besides `node:` and what its package.json names. */
const publicEntries = ['holdfast', 'holdfast/server', 'holdfast/gateway']
/** What neither the compiler nor the linter keeps out of core: time, chance and the way around both. */
const impure = /\b(?:Math\s*\.\s*random|Date|globalThis|eval|Function)\b/

/** File name, relative to the root of the tree, to source text. */
type Tree = ReadonlyMap<string, string>
interface Import {
  readonly specifier: string
  /** Gone when the types are. */
  readonly isTypeOnly: boolean
}

describe('the import table', () => {
  it('is kept by the library', async () => {
    assert.deepEqual(breaches(await readTree('packages/holdfast/src')), [])
  })
  it('is kept by the program', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'packages/holdfast-cli/package.json'), 'utf8'))
    assert.deepEqual(programBreaches(await readTree('packages/holdfast-cli/src'), Object.keys(manifest.dependencies)), [])
  })

  const broken: [breach: string, file: string, source: string][] = [
    ['core/a.ts imports ../client/b.ts: core may import from no other room', 'core/a.ts', "import { b } from '../client/b.ts'"],
    ['core/a.ts imports ../client/b.ts: core may import from no other room', 'core/a.ts', "import type { B } from '../client/b.ts'"],
    ['core/a.ts imports ../client/b.ts: core may import from no other room', 'core/a.ts', "export * from '../client/b.ts'"],
    ['core/a.ts imports ../client/b.ts: core may import from no other room', 'core/a.ts', "export type B = import('../client/b.ts').B"],
    ['core/a.ts imports ../index.ts: a room may not import an entry point', 'core/a.ts', "import {\n  b,\n} from '../index.ts'"],
    ['core/a.ts imports node:fs: only Node files may', 'core/a.ts', "import 'node:fs'"],
    ['core/a.ts imports ws: only Node files may', 'core/a.ts', "const ws = await import('ws')"],
    ['core/a.ts imports zod: the library has no dependencies', 'core/a.ts', "import { z } from 'zod'"],
    ['client/a.ts imports ../server/b.ts: client may import from core', 'client/a.ts', "import { b } from '../server/b.ts'"],
    ['client/a.ts imports node:net: only Node files may', 'client/a.ts', "import type { Socket } from 'node:net'"],
    ['client/a.ts imports ws: only Node files may', 'client/a.ts', "import type { WebSocket } from 'ws'"],
    ['client/a.ts imports ./ws-link.ts: only Node files may', 'client/a.ts', "import { link } from './ws-link.ts'"],
    ['server/a.ts imports ../gateway/b.ts: server may import from core', 'server/a.ts', "import { b } from '../gateway/b.ts'"],
    ['server/a.ts imports ../client/b.ts: server may import from core', 'server/a.ts', "import { b } from '../client/b.ts'"],
    [
      'gateway/a.ts imports ../../../holdfast-cli/b.ts: outside of the package',
      'gateway/a.ts',
      "import { b } from '../../../holdfast-cli/b.ts'",
    ],
    ['index.ts imports ./client/node-platform.ts: only Node files may', 'index.ts', "export * from './client/node-platform.ts'"],
    ['core/a.ts says Math.random: core draws no lots and reads no clock', 'core/a.ts', 'export const x = (): number => Math.random()'],
    ['core/a.ts says globalThis: core draws no lots and reads no clock', 'core/a.ts', 'export const x = (): unknown => globalThis'],
    ['attic/a.ts is in no room: add attic to the table', 'attic/a.ts', ''],
  ]
  for (const [breach, file, source] of broken) {
    it(`reports: ${breach}`, () => assert.deepEqual(breaches(new Map([[file, source]])), [breach]))
  }
  it('reports nothing where nothing is wrong', () => {
    const tree = new Map([
      ['index.ts', "export { a } from './client/a.ts'\nexport type { B } from './core/b.ts'"],
      ['node.ts', "import './client/node-platform.ts'\nexport * from './index.ts'"],
      [
        'client/a.ts',
        "import type { B } from '../core/b.ts'\nimport { c } from './c.ts'\n// import 'node:fs', as in Math.random()\n/* import 'ws' */",
      ],
      ['client/ws-link.ts', "import { WebSocket } from 'ws'\nimport type { Socket } from 'node:net'"],
      ['core/b.ts', "import { c } from './c.ts'\n/** Takes no Date. */\nexport const from = 'zod'\nexport const url = 'ws://x'"],
      ['gateway/d.ts', "import { e } from '../server/e.ts'\nimport { a } from '../client/a.ts'\nimport 'node:http'"],
      ['core/b.test.ts', "import 'node:test'\nimport 'fast-check'\nDate.now()"],
    ])
    assert.deepEqual(breaches(tree), [])
  })
  it('reports what the program may not import', () => {
    const sources = [
      "import { WebSocket } from 'holdfast'\nimport 'commander'\nimport 'node:fs'\nimport './b.ts'",
      "import 'holdfast/dist/core/outbox.js'",
      "import '../../holdfast/src/index.ts'",
      "import 'zod'",
    ]
    const tree = new Map(sources.map((source, index) => [`commands/${index}.ts`, source]))
    assert.deepEqual(programBreaches(tree, ['commander', 'holdfast']), [
      'commands/1.ts imports holdfast/dist/core/outbox.js: not an entry point',
      'commands/2.ts imports ../../holdfast/src/index.ts: outside of the package',
      'commands/3.ts imports zod: not among its dependencies',
    ])
  })
})

describe('imports', () => {
  for (const name of ['holdfast', 'holdfast-cli']) {
    it(`go round in no circle in ${name}`, async () => {
      assert.deepEqual(cycles(await readTree(`packages/${name}/src`)), [])
    })
  }
  it('that go round in a circle are reported', () => {
    const tree = new Map([
      ['a.ts', "import './b/b.ts'\nimport type { D } from './d.ts'"],
      ['b/b.ts', "export * from './c.ts'"],
      ['b/c.ts', "const a = await import('../a.ts')"],
      ['d.ts', "import './a.ts'"], // The way back is of types only, and gone at run time.
      ['e.ts', "import './e.ts'"],
    ])
    assert.deepEqual(cycles(tree), ['a.ts → b/b.ts → b/c.ts → a.ts', 'e.ts → e.ts'])
  })
})

describe('the wall around core', () => {
  const snippets = {
    setTimeout: 'export const timer: unknown = setTimeout(() => {}, 1)',
    console: "console.log('hello')",
    performance: 'export const now: number = performance.now()',
    process: 'export const env: unknown = process.env',
    Buffer: 'export const bytes: unknown = Buffer.alloc(1)',
    WebSocket: 'export const open: number = WebSocket.OPEN',
    document: 'export const page: unknown = document',
    fetch: "export const answer: unknown = fetch('/')",
    queueMicrotask: 'queueMicrotask(() => {})',
    'node:fs': "import 'node:fs'",
  }
  it('is a compile error for whatever is not in the language', async () => {
    const folder = join(root, '.cache/purity')
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    const pure = 'export const floor = (x: number): number => Math.floor(x)\nexport const seen: Map<string, bigint> = new Map()\n'
    const files = {
      ...Object.fromEntries(Object.values(snippets).map((source, index) => [`${index}.ts`, `${source}\nexport {}\n`])),
      'pure.ts': pure,
    }
    for (const [name, source] of Object.entries(files)) await writeFile(join(folder, name), source)
    const options = { noEmit: true, composite: false, rootDir: '.' }
    const config = { extends: '../../packages/holdfast/src/core/tsconfig.json', compilerOptions: options, include: ['*.ts'], exclude: [] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { stdout } = await run(bin('tsc'), ['-p', folder, '--pretty', 'false'], root)
    await rm(folder, { recursive: true })
    const wrong = new Set([...stdout.matchAll(/(\w+)\.ts\(/g)].map(([, name]) => name))
    assert.deepEqual(
      [...wrong].sort(),
      Object.keys(snippets).map((_, index) => `${index}`),
      stdout,
    )
  })
  it('is a lint error for Date, which is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-lint-'))
    const core = join(folder, 'packages/holdfast/src/core')
    await mkdir(core, { recursive: true })
    await copyFile(join(root, 'biome.json'), join(folder, 'biome.json'))
    await writeFile(join(core, 'impure.ts'), 'export const now = (): number => Date.now()\n')
    await writeFile(join(core, 'impure.test.ts'), 'export const now = (): number => Date.now()\n')
    await writeFile(join(core, 'pure.ts'), 'export const later = (now: number): number => now + 1\n')
    const { stdout } = await run(bin('biome'), ['lint', '--vcs-enabled=false', '--reporter=json', '.'], folder)
    await rm(folder, { recursive: true })
    const found = JSON.parse(stdout).diagnostics.map((one: any) => `${posix.basename(one.location.path)} ${one.category}`)
    assert.deepEqual(found, ['impure.ts lint/style/noRestrictedGlobals'])
  })
})

/** The source files of a folder. */
async function readTree(folder: string): Promise<Tree> {
  const names = (await readdir(join(root, folder), { recursive: true })).filter((name) => name.endsWith('.ts')).sort()
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(root, folder, name), 'utf8')] as const)))
}

/** What breaks the table. Tests may import what they like. */
function breaches(tree: Tree): string[] {
  const found: string[] = []
  for (const [file, source] of tree) {
    if (file.endsWith('.test.ts')) continue
    const room = roomOf(file)
    if (room !== '' && !(room in mayImport)) found.push(`${file} is in no room: add ${room} to the table`)
    for (const { specifier } of importsOf(source)) {
      const breach = breachOf(file, specifier)
      if (breach) found.push(`${file} imports ${specifier}: ${breach}`)
    }
    const [word] = (room === 'core' && withoutComments(source).match(impure)) || []
    if (word) found.push(`${file} says ${word}: core draws no lots and reads no clock`)
  }
  return found
}

function breachOf(file: string, specifier: string): string | undefined {
  const isNode = isNodeOnly(file)
  if (!specifier.startsWith('.')) {
    if (specifier !== 'ws' && !specifier.startsWith('node:')) return 'the library has no dependencies'
    return isNode ? undefined : 'only Node files may'
  }
  const target = posix.join(posix.dirname(file), specifier)
  if (target.startsWith('..')) return 'outside of the package'
  const [from, to] = [roomOf(file), roomOf(target)]
  if (from !== '' && to === '') return 'a room may not import an entry point'
  const allowed = mayImport[from]
  if (allowed && from !== to && !allowed.includes(to)) return `${from} may import from ${allowed.join(', ') || 'no other room'}`
  return isNodeOnly(target) && !isNode ? 'only Node files may' : undefined
}

function programBreaches(tree: Tree, dependencies: readonly string[]): string[] {
  const found: string[] = []
  for (const [file, source] of tree) {
    if (file.endsWith('.test.ts')) continue
    for (const { specifier } of importsOf(source)) {
      const isOurs = specifier === 'holdfast' || specifier.startsWith('holdfast/')
      let breach: string | undefined
      if (specifier.startsWith('.'))
        breach = posix.join(posix.dirname(file), specifier).startsWith('..') ? 'outside of the package' : undefined
      else if (isOurs) breach = publicEntries.includes(specifier) ? undefined : 'not an entry point'
      else if (!specifier.startsWith('node:') && !dependencies.includes(packageOf(specifier))) breach = 'not among its dependencies'
      if (breach) found.push(`${file} imports ${specifier}: ${breach}`)
    }
  }
  return found
}

/** The circles among the imports that are left at run time, each once. */
function cycles(tree: Tree): string[] {
  const found: string[] = []
  const finished = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || finished.has(file)) return
    for (const { specifier, isTypeOnly } of importsOf(tree.get(file) ?? '')) {
      if (specifier.startsWith('.') && !isTypeOnly) visit(posix.join(posix.dirname(file), specifier), [...path, file])
    }
    finished.add(file)
  }
  for (const file of tree.keys()) visit(file, [])
  return found
}

function importsOf(source: string): Import[] {
  const text = withoutComments(source)
  const statements = text.matchAll(/^[ \t]*(?:import|export)\s+(type\s+(?!from\b))?(?:[\w*{][^'"`;=()]*?\bfrom\s*)?(['"])(.+?)\2/gm)
  const calls = text.matchAll(/(:|=\s*|\btypeof\s+|<|\|)?\s*\bimport\s*\(\s*(['"`])(.+?)\2\s*\)(\.\w)?/g)
  return [
    ...[...statements].map(([, type, , specifier]) => ({ specifier: specifier!, isTypeOnly: type !== undefined })),
    ...[...calls].map(([, before, , specifier, member]) => ({
      specifier: specifier!,
      isTypeOnly: before !== undefined && member !== undefined,
    })),
  ]
}

/** Comments of whole lines, and what follows `//` behind code; a `//` inside quotes stays. */
function withoutComments(source: string): string {
  return source.replace(/(^|[\s({[,;])\/\*[\s\S]*?\*\//gm, '$1').replace(/(^|[\s;{}()[\],])\/\/.*$/gm, '$1')
}

function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
}

function isNodeOnly(file: string): boolean {
  return nodeOnly.some((entry) => (entry.endsWith('/') ? file.startsWith(entry) : file === entry))
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** What a command prints, whether or not it fails: these are meant to. */
async function run(command: string, args: readonly string[], cwd: string): Promise<{ stdout: string }> {
  const output = await promisify(execFile)(command, args, { cwd, maxBuffer: 1e8 }).catch((error) => error)
  return { stdout: stripVTControlCharacters(output.stdout) }
}
