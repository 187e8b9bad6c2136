/** One record as a line of NDJSON, without its line feed. A hundredth of a millisecond is precise enough. */
export function renderNdjson(record: object): string {
  return JSON.stringify(record, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value))
}
