/** How often a client dials a server that does not want it. */

import { fewFiles, type Measure } from './measure.ts'
import { end, start } from './process.ts'
import type { Row } from './result.ts'
import type { Dials } from './server/main.ts'
import { figure } from './statistics.ts'
import { reconnectingNames, type SubjectName } from './subject/catalogue.ts'

const clients = 3
const full = 60_000
const quick = 12_000
const startMs = 5_000
const msPerS = 1_000

/** Mode of the server to what it stands for. */
const servers = {
  'close-4401': 'accepts, then closes with 4401',
  terminate: 'accepts, then drops the connection',
  refuse: '503 with Retry-After: 120',
} as const
type ServerMode = keyof typeof servers

export const dials: Measure = {
  name: 'dials',
  title: 'Dials of one client to a server that does not want it',
  isAlone: false,
  openFiles: fewFiles,
  run: async ({ server, isQuick, tell }) => {
    const watchedMs = isQuick ? quick : full
    const modes = Object.keys(servers) as ServerMode[]
    const children = modes.flatMap((mode) =>
      reconnectingNames.map((subject) => {
        const query = { mode, label: labelOf(subject, mode) }
        return start('client/main.ts', { kind: 'watch', subject, port: server.portOf(subject), clients, spacingMs: 0, query })
      }),
    )
    try {
      tell(`counted for ${watchedMs / msPerS} s`)
      await new Promise((resolve) => setTimeout(resolve, startMs + watchedMs))
      const found = await server.dials()
      return { rows: modes.map((mode) => rowOf(mode, watchedMs, found)), verdicts: [] }
    } finally {
      await Promise.all(children.map(end))
    }
  },
}

function rowOf(mode: ServerMode, watchedMs: number, found: Dials): Row {
  const count = (subject: SubjectName, client: number) => {
    const times = found[`${labelOf(subject, mode)}/${client}`] ?? []
    return times.filter((time) => time < times[0]! + watchedMs).length
  }
  const counts = (subject: SubjectName) => Array.from({ length: clients }, (_, client) => count(subject, client))
  return {
    id: `dials/${mode}`,
    what: servers[mode],
    unit: `dials in ${watchedMs / msPerS} s`,
    n: clients,
    cells: Object.fromEntries(reconnectingNames.map((subject) => [subject, figure(counts(subject))])),
  }
}

function labelOf(subject: SubjectName, mode: ServerMode): string {
  return `${subject}/${mode}`
}
