/** What the value of a setting may be: how its text is read, what the rule is called, and how it is shown. Every source gives text. */

import { isIP } from 'node:net'
import { byteSizeHint, parseByteSize } from '../fault/byte-size.ts'
import { durationHint } from '../fault/duration.ts'
import { parseDuration, renderDuration } from '../fault/index.ts'
import { type Address, addressRule, parseAddress, renderAddress } from './address.ts'
import { parseRoute, type Route, renderRoute, routeRule } from './route.ts'

export interface Kind<Value> {
  /** What stands for the value in the help. */
  readonly placeholder: string
  /** Ends the sentence "it must be …". */
  readonly rule: string
  /** Undefined where the rule is broken. */
  readonly parse: (text: string) => Value | undefined
  readonly render: (value: Value) => string
}

const maxBytes = 1024 ** 4
const maxCount = 1_000_000_000

export const address: Kind<Address> = {
  placeholder: '[host:]port',
  rule: addressRule,
  parse: parseAddress,
  render: renderAddress,
}

export const route: Kind<Route> = { placeholder: '[/path=]url', rule: routeRule, parse: parseRoute, render: renderRoute }

export const duration: Kind<number> = {
  placeholder: 'duration',
  rule: durationHint,
  parse: parseDuration,
  render: renderDuration,
}

/** A duration in which something has to happen. */
export const period: Kind<number> = { ...duration, rule: `${durationHint}, and not 0`, parse: (text) => parseDuration(text) || undefined }

export const bytes: Kind<number> = {
  placeholder: 'bytes',
  rule: byteSizeHint,
  parse: (text) => parseByteSize(text, maxBytes),
  render: renderBytes,
}

export const count: Kind<number> = {
  placeholder: 'number',
  rule: `a whole number from 1 to ${maxCount}`,
  parse: (text) => (/^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= maxCount ? Number(text) : undefined),
  render: String,
}

export const flag: Kind<boolean> = {
  placeholder: 'on|off',
  rule: 'on or off',
  parse: (text) => (/^(?:on|true)$/.test(text) ? true : /^(?:off|false)$/.test(text) ? false : undefined),
  render: (isOn) => (isOn ? 'on' : 'off'),
}

export const file: Kind<string> = { placeholder: 'file', rule: 'the path of a file', parse: (text) => text || undefined, render: String }

export const origin: Kind<string> = {
  placeholder: 'origin',
  rule: 'an origin as browsers send it, such as https://example.com, without a path',
  parse: (text) => (URL.canParse(text) && new URL(text).origin === text ? text : undefined),
  render: String,
}

export const headerName: Kind<string> = {
  placeholder: 'name',
  rule: 'the name of a header, such as x-request-id',
  parse: (text) => (/^[\w!#$%&'*+.^`|~-]+$/.test(text) ? text.toLowerCase() : undefined),
  render: String,
}

export const network: Kind<string> = {
  placeholder: 'network',
  rule: 'an address or a network, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, or unix: for who comes over a Unix socket',
  parse: (text) => {
    if (text === 'unix:') return text
    const [ip = '', prefix = '0', ...rest] = text.split('/')
    const bits = isIP(ip) === 4 ? 32 : isIP(ip) === 6 ? 128 : -1
    return rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits ? text : undefined
  },
  render: String,
}

export const hostName: Kind<string> = {
  placeholder: 'name',
  rule: 'the name of a host, without a port, such as gateway.internal',
  parse: (text) => (/^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i.test(text) ? text.toLowerCase() : undefined),
  render: String,
}

export function word<Word extends string>(...words: readonly Word[]): Kind<Word> {
  return {
    placeholder: words.join('|'),
    rule: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    parse: (text) => words.find((known) => known === text),
    render: String,
  }
}

/** Where leaving it out is a choice. */
export function orOff<Value>(kind: Kind<Value>): Kind<Value | null> {
  return {
    placeholder: kind.placeholder,
    rule: `${kind.rule}; or off`,
    parse: (text) => (text === 'off' || text === 'false' ? null : kind.parse(text)),
    render: (value) => (value === null ? 'off' : kind.render(value)),
  }
}

function renderBytes(size: number): string {
  const units = ['GiB', 'MiB', 'KiB'] as const
  const index = units.findIndex((_, place) => size % 1024 ** (units.length - place) === 0)
  return index < 0 ? `${size}B` : `${size / 1024 ** (units.length - index)}${units[index]}`
}
