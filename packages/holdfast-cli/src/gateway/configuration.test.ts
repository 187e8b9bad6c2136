import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from './config-file.ts'
import { readEnvironment, resolveConfiguration, type Sources } from './configuration.ts'
import { keyOf, type SettingName, settingNames } from './setting.ts'

const upstream = 'ws://127.0.0.1:9000'

function given(source: 'flags' | 'environment' | 'file', texts: Partial<Record<SettingName, string | string[]>>): Sources {
  const entries = Object.entries(texts) as [SettingName, string | string[]][]
  const map = new Map(entries.map(([name, text]) => [name, { source: `--${keyOf(name)}`, texts: [text].flat() }] as const))
  return { flags: new Map(), environment: new Map(), file: new Map(), [source]: map }
}

function problemsOf(sources: Sources, before?: readonly string[]): string {
  try {
    resolveConfiguration(sources, before)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

describe('a setting', () => {
  const file = parseConfig(`hold: 3s\nmax-sessions: 3\nupstream: [${upstream}]\nbuffer: 3MiB`, 'gateway.yaml').given
  const { given: environment } = readEnvironment({ HOLDFAST_HOLD: '2s', HOLDFAST_BUFFER: '2MiB' })
  const { flags } = given('flags', { hold: '1s' })

  test('is taken from a flag, else the environment, else the file, else it has its default', () => {
    const { values, lines } = resolveConfiguration({ flags, environment, file })
    const { hold, buffer, maxSessions, bufferMessages } = values
    assert.deepEqual(
      { hold, buffer, maxSessions, bufferMessages },
      { hold: 1_000, buffer: 2 * 1024 ** 2, maxSessions: 3, bufferMessages: 4_096 },
    )
    const sourceOf = (key: string): unknown => lines.find((line) => line.startsWith(`${key}: `))?.split('# ')[1]
    assert.deepEqual(['hold', 'buffer', 'max-sessions', 'buffer-messages', 'upstream'].map(sourceOf), [
      '--hold',
      'HOLDFAST_BUFFER',
      'gateway.yaml:2',
      'default',
      'gateway.yaml:3',
    ])
  })

  test('is shown so that a file of what is shown means the same', () => {
    const routes = [upstream, '/chat=ws+unix:/run/chat.sock', '/v2=wss://chat.internal/base']
    const { values, lines } = resolveConfiguration(
      given('flags', {
        upstream: routes,
        listen: '[::1]:0',
        admin: 'unix:/run/a b.sock',
        origin: 'https://example.com',
        trustProxy: 'fd00::/8',
      }),
    )
    const read = parseConfig(lines.join('\n'), 'shown')
    assert.deepEqual(read.problems, [])
    assert.deepEqual(resolveConfiguration({ flags: new Map(), environment: new Map(), file: read.given }).values, values)
  })

  test('is shown without its password', () => {
    const { lines } = resolveConfiguration(given('flags', { upstream: 'ws://user:secret@127.0.0.1:9000' }))
    assert.match(lines.join('\n'), /ws:\/\/user:…@127/)
    assert.doesNotMatch(lines.join('\n'), /secret/)
    assert.doesNotMatch(problemsOf(given('flags', { upstream: 'ws://user:a@secret@127.0.0.1:9000/#x' })), /secret/)
    assert.doesNotMatch(problemsOf(given('flags', { upstream: 'ws://user:secret@127.0.0.1:9000/#x' })), /secret/)
  })

  test('of the environment may be a list, with spaces between', () => {
    const { given: environment } = readEnvironment({ HOLDFAST_UPSTREAM: `${upstream}  /chat=ws://127.0.0.1:9001 ` })
    const { values } = resolveConfiguration({ flags: new Map(), environment, file: new Map() })
    assert.deepEqual(values.upstream, [
      { prefix: '/', url: upstream },
      { prefix: '/chat', url: 'ws://127.0.0.1:9001' },
    ])
  })

  test('that the environment probably means is asked about; what others put there is not', () => {
    const { doubts } = readEnvironment({
      HOLDFAST_HODL: '1s',
      HOLDFAST_SERVICE_HOST: '10.0.0.1',
      HOLDFAST_PORT_8080_TCP: 'tcp://10.0.0.1',
      HOLDFAST_CONFIG: 'x',
      HOLDFAST_BUFFER: '',
    })
    assert.deepEqual(doubts, ['HOLDFAST_HODL in the environment is no setting; did you mean HOLDFAST_HOLD?'])
  })

  test('has a default that is valid, and a name of its own', () => {
    const { values } = resolveConfiguration(given('flags', { upstream }))
    assert.deepEqual(Object.keys(values), settingNames)
    assert.equal(new Set(settingNames.map(keyOf)).size, settingNames.length)
  })
})

describe('what cannot be used is named with its source, its value and the rule:', () => {
  const wrong: [settings: Partial<Record<SettingName, string | string[]>>, words: RegExp][] = [
    [{ hold: '5x' }, /^--hold is "5x"; it must be a number with its unit, such as 250ms/],
    [{ hold: '0s' }, /^--hold is "0s"; it must be .*, and not 0$/],
    [{ buffer: '1MB' }, /^--buffer is "1MB"; it must be a whole number of bytes/],
    [{ listen: '70000' }, /^--listen is "70000"; it must be a port from 0/],
    [{ listen: `unix:/${'x'.repeat(107)}` }, /^--listen is .*; it must be a port/],
    [{ upstream: 'http://127.0.0.1' }, /^--upstream is "http:\/\/127\.0\.0\.1"; it must be a WebSocket url/],
    [{ upstream: `${upstream}/?x=1` }, /it must be a WebSocket url/],
    [{ upstream: [upstream, 'ws://127.0.0.1:9001'] }, /^two upstreams are for \/, and one of them is ws:\/\/127\.0\.0\.1:9001/],
    [{ upstream: [`/a/=${upstream}`, `/a=${upstream}`] }, /^two upstreams are for \/a/],
    [{ upstream: [] }, /^there is no upstream; name the backend/],
    [{ origin: 'https://example.com/' }, /^--origin is .*; it must be an origin/],
    [{ forwardHeader: 'x y' }, /^--forward-header is "x y"; it must be the name of a header/],
    [{ trustProxy: '10.0.0.0/33' }, /^--trust-proxy is "10\.0\.0\.0\/33"; it must be an address or a network/],
    [{ compression: 'maybe' }, /^--compression is "maybe"; it must be on or off$/],
    [{ logLevel: 'loud' }, /^--log-level is "loud"; it must be debug, info, warn or error$/],
    [{ tlsCert: 'cert.pem' }, /^tls-cert and tls-key go together; tls-key is missing$/],
    [{ listen: '9090', admin: '127.0.0.1:9090' }, /^listen and admin are both 127\.0\.0\.1:9090/],
    [{ listen: '0.0.0.0:9090', admin: '127.0.0.1:9090' }, /^listen and admin are both/],
    [{ admin: '0.0.0.0:9090' }, /^admin is 0\.0\.0\.0:9090, which other machines reach; .*--admin-allow-remote$/],
    [{ hold: ['1s', '2s'] }, /^--hold is a list; it must be/],
  ]
  for (const [settings, words] of wrong)
    test(JSON.stringify(settings), () => assert.match(problemsOf(given('flags', { upstream, ...settings })), words))

  test('all of it at once', () => {
    assert.match(problemsOf(given('flags', { upstream, hold: 'x', buffer: 'y' })), /^--hold is "x".*\nerror: --buffer is "y"/)
  })

  test('but what only looks wrong is taken', () => {
    assert.equal(problemsOf(given('flags', { upstream, admin: '0.0.0.0:9090', adminAllowRemote: 'on' })), '')
    assert.equal(problemsOf(given('flags', { upstream, listen: '0', admin: '0' })), '')
    assert.equal(problemsOf(given('flags', { upstream, admin: 'unix:/run/admin.sock' })), '')
  })
})

describe('a file', () => {
  const problems = (text: string): readonly string[] => parseConfig(text, 'gateway.yaml').problems

  test('with an unknown key is told its line and what was probably meant', () => {
    assert.deepEqual(problems(`upstream: ${upstream}\nhodl: 3s`), ['gateway.yaml:2: there is no setting "hodl"; did you mean hold?'])
    assert.match(problems('colour: red')[0] ?? '', /^gateway\.yaml:1: there is no setting "colour"; `holdfast gateway --help` lists them$/)
  })

  test('with a wrong value is told its line', () => {
    const { given: file } = parseConfig(`upstream: ${upstream}\n\nhold: 300`, 'gateway.yaml')
    assert.match(
      problemsOf({ flags: new Map(), environment: new Map(), file }),
      /^gateway\.yaml:3: hold is "300"; it must be a number with its unit/,
    )
  })

  test('with a key twice, or no YAML at all, is told where', () => {
    assert.match(problems('hold: 1s\nhold: 2s')[0] ?? '', /^gateway\.yaml:2: Map keys must be unique/)
    assert.match(problems('hold: [1s')[0] ?? '', /^gateway\.yaml:1: /)
  })

  test('that is no map, or a map where one value belongs, is told what belongs there', () => {
    assert.match(problems('- hold')[0] ?? '', /^gateway\.yaml:1: a configuration is settings/)
    assert.deepEqual(problems('hold: { ms: 3 }'), ['gateway.yaml:1: hold must be one value'])
    assert.deepEqual(problems('upstream: { /: ws://127.0.0.1 }'), ['gateway.yaml:1: upstream must be one value, or a list of them'])
    assert.deepEqual(problems('hold:'), ['gateway.yaml:1: hold must be one value'])
  })

  test('may be empty, or comments only', () => {
    for (const text of ['', '# nothing yet\n', '{}']) assert.deepEqual(problems(text), [])
  })
})
