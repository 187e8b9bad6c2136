/**
 * What a client may ask for: the path and query of its request, which go upstream as they are.
 *
 * They never choose the host: it is dialled first, and the target is written into the request then. What is refused here could lead a
 * backend, or a rule about paths, to another place than was meant.
 */

/** Origin form (RFC 9112 section 3.2.1) in visible ASCII; a fragment has no place in a request. */
const originForm = /^\/[\x21\x22\x24-\x7e]*$/
/** What a backend may take for a separator once it has decoded the path. */
const separators = /[/\\]/

/** @returns why a target is not passed on; undefined when it is */
export function targetFault(target: string): string | undefined {
  if (!target.startsWith('/')) return 'the request target must be a path; an absolute one names a host'
  if (!originForm.test(target)) return 'the request target has characters that no path has'
  const [path = ''] = target.split('?', 1)
  const decoded = path.replace(/%(2e|2f|5c)/gi, (encoded) => decodeURIComponent(encoded))
  return decoded.split(separators).some((segment) => segment === '.' || segment === '..') ? 'the path has dot segments' : undefined
}
