/** What a session is called in lines and records: the whole id is half of a credential, and its beginning tells sessions apart. */

const shownCharacters = 4

export function sessionName(id: string): string {
  return id.slice(0, shownCharacters)
}

/** For people. */
export function renderSession(name: string): string {
  return `session ${name}…`
}
