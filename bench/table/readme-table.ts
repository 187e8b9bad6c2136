/** The table of the README, made from the results of the bench. */

import type { Cell, Results, Row } from '../peers/result.ts'
import type { SubjectName } from '../peers/subject/catalogue.ts'

const libraries = ['holdfast', 'ws', 'reconnecting-websocket', 'partysocket', 'websocket-ts', 'socket.io'] as const
type Library = (typeof libraries)[number]

/** A row of the results, in the reader's words. */
interface Line {
  readonly id: string
  readonly what: string
  /** Whose cell stands for a library, where it is not the one of its name. */
  readonly variants?: { readonly [library in Library]?: SubjectName }
}

const reconnecting = { holdfast: 'holdfast, reconnecting' } as const

const lines: readonly Line[] = [
  { id: 'notice/default', what: 'notices that an idle link is dead, out of the box', variants: reconnecting },
  { id: 'recover/default', what: 'hears from the server again once the network is back', variants: reconnecting },
  { id: 'dials/close-4401', what: 'a server that accepts and then closes with 4401', variants: reconnecting },
  { id: 'dials/terminate', what: 'a server that accepts and then drops the connection', variants: reconnecting },
  { id: 'dials/refuse', what: 'a server that says 503 and `Retry-After: 120`', variants: reconnecting },
  { id: 'send/125/text', what: 'CPU to send, bursts of 128 texts of 125 B' },
  { id: 'receive/125/text', what: 'CPU to receive a text of 125 B' },
  {
    id: 'receive/125/binary',
    what: 'CPU to receive 125 B as an `ArrayBuffer`',
    variants: { holdfast: 'holdfast, arraybuffer', ws: 'ws, arraybuffer' },
  },
  { id: 'round-trip', what: 'round trip' },
  { id: 'heap', what: 'heap of an idle client in Node' },
  { id: 'timers', what: 'timers of an idle client' },
  { id: 'size', what: `size in a browser, minified and brotli'd` },
  { id: 'import', what: 'CPU to import it in Node' },
]

const significantDigits = 2

/** Markdown. Rows that the results do not have are left out. */
export function renderTable(results: Results): string {
  const rows = new Map(results.measures.flatMap((measure) => measure.rows).map((row) => [row.id, row]))
  const body = lines.flatMap((line) => {
    const row = rows.get(line.id)
    if (!row) return []
    const cells = libraries.map((library) => cellText(row.cells[line.variants?.[library] ?? library]))
    return [`| ${[`${line.what}, ${unitOf(row)}`, ...cells, row.n].join(' | ')} |`]
  })
  const head = `| | ${libraries.join(' | ')} | n |`
  const rule = `|---|${libraries.map(() => '--:|').join('')}--:|`
  return [head, rule, ...body, '', captionOf(results)].join('\n')
}

function captionOf({ date, node, machine, command, versions }: Results): string {
  const compared = libraries.map((library) => `${library} ${versions[library]}`).join(', ')
  return [
    `Medians of n samples, taken on ${date} with Node ${node} on ${machine}, over loopback: \`${command}\` makes them anew, with their spread.`,
    `CPU and times marked × are ratios to the bare \`ws\` of the same run (for what is received, through its \`EventEmitter\`); smaller is better.`,
    `Compared: ${compared}.`,
  ].join(' ')
}

function unitOf({ unit }: Row): string {
  return unit === 'timers' ? 'count' : unit
}

export function cellText(cell: Cell | undefined): string {
  switch (cell?.kind) {
    case 'figure':
      return String(Number(cell.value >= 100 ? cell.value.toFixed(0) : cell.value.toPrecision(significantDigits)))
    case 'never':
      return `not in ${cell.withinS} s`
    case 'absent':
    case undefined:
      return '–'
  }
}
