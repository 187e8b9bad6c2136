/** Text of a peer as a terminal may show it: its control characters, which could do anything there, are written out. */
export function visible(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
