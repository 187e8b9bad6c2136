const unitsBytes: Readonly<Record<string, number>> = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

export const byteSizeHint = 'a whole number of bytes from 1, or one with its unit, such as 7, 512B, 64KiB or 1MiB'

/** Bytes of a text such as `7`, `512B`, `64KiB` or `1MiB`; `undefined` when it is none, or outside 1 to `maxBytes`. */
export const parseByteSize = (text: string, maxBytes: number): number | undefined => {
  const [, amount, unit] = /^(\d+)(|B|KiB|MiB|GiB)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const bytes = Number(amount) * (unitsBytes[unit] ?? 1)
  return bytes >= 1 && bytes <= maxBytes ? bytes : undefined
}
