/** The certificate of the public listener, as two files of PEM. */

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
  readonly subject: string
  /** In the words of the certificate. */
  readonly validTo: string
}

/** @throws Error saying what is wrong with which file */
export function readCertificate({ cert: certFile, key: keyFile }: CertificateFiles): Certificate {
  const cert = readPem('tls-cert', certFile)
  const key = readPem('tls-key', keyFile)
  const { subject, validTo } = parse(certFile, () => new X509Certificate(cert))
  parse(`${certFile} with ${keyFile}`, () => createSecureContext({ cert, key }))
  return { cert, key, subject: subject.replaceAll('\n', ', '), validTo }
}

function readPem(setting: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Error(`${setting} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function parse<Parsed>(what: string, read: () => Parsed): Parsed {
  try {
    return read()
  } catch (error) {
    throw new Error(`${what} is no certificate and key that can be used: ${(error as Error).message}`, { cause: error })
  }
}
