import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { JsonWebKey } from 'node:crypto'
import t from 'tap'
import { createVerifier, readJws } from '../src/access-token/jws.ts'
import { prepareKey } from '../src/access-token/prepared-key.ts'
import type { SigningKey } from '../src/keys/index.ts'

type Vector = [number: number, comment: string, message: string, signature: string, result: string]
type JwsVector = [number: number, comment: string, jws: string, result: string]

const read = (name: string) => JSON.parse(readFileSync(new URL(`vectors/wycheproof/${name}.json`, import.meta.url), 'utf8'))

// A verifier uses the public half alone. The private one only has to be of the same type.
const privateKeys = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}
const keyOf = (alg: keyof typeof privateKeys | 'PS256', publicKey: SigningKey['publicKey']): SigningKey =>
  ({ kid: 'k', alg, publicKey, privateKey: privateKeys[alg === 'PS256' ? 'RS256' : alg] })

for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
  t.test(`Wycheproof ${alg}: valid signatures verify, and no other (RFC 7518 §3.1, RFC 8037 §3.1)`, async (t) => {
    const seen = { valid: 0, invalid: 0 }
    for (const { spki, tests } of read(alg.toLowerCase()).publicKeys as { spki: string, tests: Vector[] }[]) {
      const { digest, publicInput } = prepareKey(keyOf(alg, createPublicKey({ key: Buffer.from(spki, 'hex'), format: 'der', type: 'spki' })))
      for (const [number, comment, message, signature, result] of tests) {
        if (result === 'acceptable') continue
        const isSigned = verify(digest, Buffer.from(message, 'hex'), publicInput, Buffer.from(signature, 'hex'))
        seen[result as keyof typeof seen]++
        if (isSigned !== (result === 'valid')) t.fail(`${number} ${comment}: ${result}`)
      }
    }
    t.ok(seen.valid > 5 && seen.invalid > 40, JSON.stringify(seen))
  })
}

for (const signing of ['batch', 'pool'] as const) {
  t.test(`Wycheproof compact JWS, verified in the ${signing}: valid ones verify, and no other (RFC 7515 §5.2)`, async (t) => {
    const isSigned = createVerifier(signing)
    let count = 0
    for (const { comment: group, jwk, tests } of read('jws').groups as { comment: string, jwk: JsonWebKey & { alg: 'ES256' | 'RS256' | 'PS256' }, tests: JwsVector[] }[]) {
      const key = keyOf(jwk.alg, createPublicKey({ key: jwk, format: 'jwk' }))
      for (const [number, comment, text, result] of tests) {
        const jws = readJws(text)
        // The caller of a verifier compares the algorithm of the header with that of the key (RFC 8725 §3.1).
        const isValid = jws !== undefined && jws.header.alg === jwk.alg && await isSigned(jws, key)
        count++
        if (isValid !== (result === 'valid')) t.fail(`${number} ${group} ${comment}: ${result}`)
      }
    }
    t.ok(count > 50, String(count))
  })
}
