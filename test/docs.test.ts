// What the documents show works. Every fenced block of TypeScript in README.md, the other documents of the root, docs/ and the packages is
// type-checked and run, and every relative link leads somewhere.
//
//   ```ts               is type-checked and run: a module of its own, in a process of its own, with top-level await
//   ```ts gorilla       the same, and its server is the gorilla server of the tutorial instead of the echo server
//   ```ts no-run why    is type-checked only; the rest of the line says why it cannot be run
//   ```tsx, ```sh, …    are left alone; ```js and ```typescript are written ```ts, so that none is left alone by mistake
//
// In a block `ws://localhost:8080` and `wss://example.com`, with any path behind, stand for an echo server that the test has started. A block that
// itself listens on 8080 (`port: 8080`, `listen(8080`) is given a free port, and `ws://localhost:8080` in it is then that port.
// A block fails when it throws, rejects without a handler, exits with something but 0, or does not get to its end. Once it is at its end it has
// a moment for what it left under way, and is then stopped: a block may leave servers and sockets open.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify, stripVTControlCharacters } from 'node:util'
import { WebSocketServer } from 'ws'
import { startGorilla } from './peers/gorilla.ts'
import type { Peer } from './peers/peer.ts'
import { unusedPort } from './peers/port.ts'
import { needs } from './peers/requirement.ts'

const root = join(import.meta.dirname, '..')
// Not below node_modules, where Node runs no TypeScript.
const scratch = join(root, '.cache/docs')
/** How long a block that is at its end may go on. */
const afterglowMs = 250
/** How long a block may take to get there. */
const patienceMs = 20_000

interface Block {
  readonly file: string
  /** Of the first line of code, counted from 1. */
  readonly line: number
  readonly code: string
  /** Why it is not run. */
  readonly noRun: string | undefined
  readonly server: 'echo' | 'gorilla'
}

const documents = await readDocuments()
const blocks = [...documents].flatMap(([file, text]) => blocksOf(file, text))

describe('the documents', () => {
  const echo = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  let echoUrl = ''
  before(async () => {
    echo.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    })
    if (!echo.address()) await once(echo, 'listening')
    echoUrl = `ws://127.0.0.1:${(echo.address() as AddressInfo).port}`
    await rm(scratch, { recursive: true, force: true })
  })
  after(() => {
    for (const socket of echo.clients) socket.terminate()
    echo.close()
  })

  it('have blocks of code that type-check', async () => {
    assert.deepEqual(await typeErrors(blocks, 'types'), [])
  })
  describe('have blocks that run', { concurrency: availableParallelism() }, () => {
    for (const block of blocks.filter(({ noRun, server }) => noRun === undefined && server === 'echo')) {
      it(`${block.file}:${block.line}`, async () => assert.equal(await failureOf(block, 'run', echoUrl), undefined))
    }
  })
  describe('have blocks that run against gorilla', { concurrency: availableParallelism(), ...needs('gorilla') }, () => {
    let gorilla: Peer
    before(async () => {
      gorilla = await startGorilla()
    })
    after(() => gorilla.stop())
    for (const block of blocks.filter(({ server }) => server === 'gorilla')) {
      it(`${block.file}:${block.line}`, async () => assert.equal(await failureOf(block, 'run', gorilla.url), undefined))
    }
  })
  it('have links that lead somewhere', async () => {
    assert.deepEqual(await deadLinks(documents), [])
  })

  // The checks themselves, over documents that are wrong.
  it('are searched for every block, each with the line it stands on', () => {
    const text =
      'one\n```ts\nlet a\n```\n- two\n  ```ts no-run there is no such server\n  let b\n\n  let c\n  ```\n```sh\nnpm i\n```\n````md\n```ts\nnot code\n```\n````\n'
    assert.deepEqual(blocksOf('a.md', text), [
      { file: 'a.md', line: 3, code: 'let a', noRun: undefined, server: 'echo' },
      { file: 'a.md', line: 7, code: 'let b\n\nlet c', noRun: 'there is no such server', server: 'echo' },
    ])
  })
  it('are refused when a block would go unseen', () => {
    for (const info of ['js', 'typescript', 'javascript', 'mjs'])
      assert.throws(() => blocksOf('a.md', `\n\`\`\`${info}\n\`\`\``), /a\.md:2/)
    assert.throws(() => blocksOf('a.md', '```ts no-run\n```'), /a\.md:1: say why/)
    assert.throws(() => blocksOf('a.md', '```ts norun\n```'), /a\.md:1: .*norun/)
    assert.throws(() => blocksOf('a.md', '```ts\nlet a'), /a\.md:1: .*never closed/)
  })
  it('are reported for what does not type-check, at its line', async () => {
    const wrong = [block('a.md', 7, 'let a: number\na = "x"'), block('b.md', 3, "import { nothing } from 'node:fs'\nnothing")]
    const errors = await typeErrors(wrong, 'wrong-types')
    assert.deepEqual(
      errors.map((error) => error.replace(/(TS\d+).*/, '$1')),
      ['a.md:8: TS2322', 'b.md:3: TS2305'],
    )
  })
  it('are reported for what does not run, at its line', async () => {
    const wrong: [string, RegExp][] = [
      ["const a = 1\nthrow new Error('thrown')", /a\.md:8\b[\s\S]*thrown/],
      ["await Promise.reject(new Error('rejected'))", /a\.md:7\b[\s\S]*rejected/],
      ["setTimeout(() => {\n  throw new Error('thrown later')\n}, 1)", /a\.md:8\b[\s\S]*thrown later/],
      ["void Promise.reject(new Error('unhandled'))\nsetInterval(() => {}, 1)", /a\.md:7\b[\s\S]*unhandled/],
      ['process.exitCode = 3', /a\.md:7: .*exit.* 3/],
      ['await new Promise(() => {})', /a\.md:7: .*exit.* 13/],
      ['setInterval(() => {}, 1)\nawait new Promise(() => {})', /a\.md:7: .*not come to its end/],
    ]
    for (const [code, report] of wrong)
      assert.match((await failureOf(block('a.md', 7, code), 'wrong', echoUrl, 500)) ?? 'nothing reported', report)
  })
  it('are given an echo server, or a port of their own', async () => {
    const client = [
      "import { once } from 'node:events'",
      "const socket = new WebSocket('wss://example.com/ws')",
      "await once(socket, 'open')",
      "socket.send('hello')",
      "const [{ data }] = await once(socket, 'message')",
      "if (data !== 'hello') throw new Error(data)",
    ].join('\n')
    assert.equal(await failureOf(block('a.md', 7, client), 'right', echoUrl), undefined)
    const server = [
      "import { createServer } from 'node:http'",
      "const server = createServer((_request, response) => response.end('mine')).listen(8080)",
      "const url = 'ws://localhost:8080/x'.replace('ws:', 'http:')",
      'const answer = await (await fetch(url)).text()',
      "if (answer !== 'mine') throw new Error(answer)",
    ].join('\n')
    assert.equal(await failureOf(block('a.md', 7, server), 'right', echoUrl), undefined)
  })
  it('are reported for dead links', async () => {
    const wrong = new Map([
      [
        'README.md',
        '# One & two\n[a](package.json) [b](nowhere.md) [c](#one--two) [d](#three) [e](https://example.com/nowhere) `[f](nowhere)`\n[g]: docs/none.md',
      ],
      ['docs/a.md', '[up](../README.md#one--two) [wrong](../README.md#two) ![image](x.png)\n```\n[code](nowhere)\n```\n'],
    ])
    assert.deepEqual(await deadLinks(wrong), [
      'README.md:2: nowhere.md',
      'README.md:2: #three',
      'README.md:3: docs/none.md',
      'docs/a.md:1: ../README.md#two',
      'docs/a.md:1: x.png',
    ])
  })
})

async function readDocuments(): Promise<Map<string, string>> {
  const deep = async (folder: string): Promise<string[]> => {
    const names = await readdir(join(root, folder), { recursive: true }).catch((): string[] => [])
    return names.map((name) => join(folder, name))
  }
  const packages = (await readdir(join(root, 'packages'))).map((name) => `packages/${name}`)
  const flat = await Promise.all(
    ['.', ...packages].map(async (folder) => (await readdir(join(root, folder))).map((name) => join(folder, name))),
  )
  const names = [...flat.flat(), ...(await deep('docs')), ...(await deep('examples'))].filter(
    (name) => name.endsWith('.md') && !name.includes('node_modules'),
  )
  return new Map(await Promise.all(names.sort().map(async (name) => [name, await readFile(join(root, name), 'utf8')] as const)))
}

function blocksOf(file: string, text: string): Block[] {
  const found: Block[] = []
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const [, indent = '', fence, info = ''] = lines[index]!.match(/^( *)(`{3,})(.*)$/) ?? []
    if (fence === undefined) continue
    const where = `${file}:${index + 1}`
    const start = index + 1
    do index++
    while (index < lines.length && lines[index]!.trim() !== fence)
    if (index === lines.length) throw new Error(`${where}: this block is never closed`)
    const [language = '', option, ...reason] = info.trim().split(/ +/)
    if (['js', 'mjs', 'javascript', 'typescript', 'mts'].includes(language))
      throw new Error(`${where}: write \`\`\`ts instead of ${language}`)
    if (language !== 'ts') continue
    if (option !== undefined && option !== 'no-run' && option !== 'gorilla')
      throw new Error(`${where}: the options are no-run and gorilla, and not ${option}`)
    if (option === 'no-run' && reason.length === 0) throw new Error(`${where}: say why it is not run: \`\`\`ts no-run it needs a browser`)
    const code = lines.slice(start, index).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))))
    const noRun = option === 'no-run' ? reason.join(' ') : undefined
    found.push({ file, line: start + 1, code: code.join('\n'), noRun, server: option === 'gorilla' ? 'gorilla' : 'echo' })
  }
  return found
}

/** A file in which the code stands on the line where it stands in the document, so that what is said of one is true of the other. */
async function write({ file, line, code }: Block, folder: string, before = ''): Promise<string> {
  const path = join(scratch, folder, `${file.replaceAll('/', '+')}.${line}.ts`)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${before}${'\n'.repeat(line - 1)}${code}\nexport {}\n`)
  return path
}

/** `README.md:12: TS2304: Cannot find name 'socket'.` */
async function typeErrors(blocks: readonly Block[], folder: string): Promise<string[]> {
  if (blocks.length === 0) return []
  for (const block of blocks) await write(block, folder)
  const compilerOptions = { incremental: false, tsBuildInfoFile: null, noUnusedLocals: false, noUnusedParameters: false }
  const config = { extends: '../../../tsconfig.test.json', compilerOptions, include: ['*.ts'], exclude: [] }
  await writeFile(join(scratch, folder, 'tsconfig.json'), JSON.stringify(config))
  const output = await run(join(root, 'node_modules/.bin/tsc'), ['-p', join(scratch, folder), '--pretty', 'false'])
  const errors = output.text.split('\n').filter((line) => /error TS/.test(line))
  return errors.map((line) =>
    inDocument(line)
      .replace(/\((\d+),\d+\): error /, ':$1: ')
      .trim(),
  )
}

/** What goes wrong when the block is run, if something does. */
async function failureOf(block: Block, folder: string, echoUrl: string, patience: number = patienceMs): Promise<string | undefined> {
  const isServer = /\bport: 8080\b|\blisten\(8080\b/.test(block.code)
  const port = isServer ? await unusedPort() : 0
  const code = block.code
    .replace(/\bport: 8080\b/g, `port: ${port}`)
    .replace(/\blisten\(8080\b/g, `listen(${port}`)
    .replace(/wss?:\/\/localhost:8080\b/g, isServer ? `ws://127.0.0.1:${port}` : echoUrl)
    .replace(/wss?:\/\/example\.com\b/g, echoUrl)
  const path = await write({ ...block, code }, folder)
  const main = `await import(${JSON.stringify(path)}); setTimeout(() => process.exit(), ${afterglowMs}).unref()`
  const { text, code: exit } = await run(
    process.execPath,
    ['--conditions=holdfast-source', '--no-warnings', '--input-type=module', '--eval', main],
    patience,
  )
  if (exit === 0) return undefined
  const why = typeof exit === 'number' ? `exits with ${exit}` : `has not come to its end after ${patience} ms`
  return `${block.file}:${block.line}: ${why}\n${inDocument(text)}`
}

/** The names of the generated files as those of the documents that they are from. */
function inDocument(text: string): string {
  return text.replace(/(?:file:\/\/)?[\w./+-]*\.cache\/docs\/[\w-]+\/([\w.+-]+\.md)\.\d+\.ts/g, (_all, file: string) =>
    file.replaceAll('+', '/'),
  )
}

async function deadLinks(documents: ReadonlyMap<string, string>): Promise<string[]> {
  const dead: string[] = []
  for (const [file, text] of documents) {
    const lines = withoutCode(text).split('\n')
    for (const [index, line] of lines.entries()) {
      const targets = [...line.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)/g), ...line.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/g)].map(
        ([, target]) => target!,
      )
      for (const target of targets) if (!(await isAlive(file, target, documents))) dead.push(`${file}:${index + 1}: ${target}`)
    }
  }
  return dead
}

async function isAlive(file: string, target: string, documents: ReadonlyMap<string, string>): Promise<boolean> {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return true
  const [path = '', anchor] = target.split('#')
  const file_ = path === '' ? file : relative(root, join(root, dirname(file), decodeURI(path)))
  const text = documents.get(file_)
  const exists =
    text !== undefined ||
    (await access(join(root, file_)).then(
      () => true,
      () => false,
    ))
  return exists && (anchor === undefined || text === undefined || anchorsOf(text).has(anchor))
}

/** The anchors that GitHub gives to headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(text, false).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-')
    let anchor = plain
    for (let count = 1; anchors.has(anchor); count++) anchor = `${plain}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

/** The text with its code blanked, line for line. */
function withoutCode(text: string, inline = true): string {
  const prose = text.replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1 *$/gm, (code) => code.replace(/[^\n]/g, ''))
  return inline ? prose.replace(/`[^`\n]+`/g, '') : prose
}

/** What a command says, and how it ends: its code, or a word when it was stopped. */
async function run(command: string, args: readonly string[], timeout = 0): Promise<{ text: string; code: number | string }> {
  const options = {
    cwd: root,
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: 1e8,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  } as const
  const output: any = await promisify(execFile)(command, args, options).catch((error) => error)
  return {
    text: stripVTControlCharacters(output.stdout + output.stderr),
    code: output instanceof Error ? ((output as any).code ?? 'stopped') : 0,
  }
}

function block(file: string, line: number, code: string): Block {
  return { file, line, code, noRun: undefined, server: 'echo' }
}
