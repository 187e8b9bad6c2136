/** A package as it is installed for the bench. Its types stay outside: the workspace is checked without it. */
export async function loadPackage(name: string): Promise<any> {
  return await import(name)
}
