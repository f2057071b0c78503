import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createVerifier, readJws } from '../../src/jws/compact-jws.ts'
import { prepareKey } from '../../src/jws/prepared-key.ts'
import { createSigner } from '../../src/jws/sign.ts'
import type { SigningKey } from '../../src/jws/signing-key.ts'

type Vector = [number: number, comment: string, message: string, signature: string, result: string]
type JwsVector = [number: number, comment: string, jws: string, result: string]

const read = (name: string) => JSON.parse(readFileSync(new URL(`../vectors/wycheproof/${name}.json`, import.meta.url), 'utf8'))

// A verifier uses the public half alone. The private one only has to be of the same type.
const privateKeys = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}
const keyOf = (alg: keyof typeof privateKeys | 'PS256', publicKey: SigningKey['publicKey']): SigningKey =>
  ({ kid: 'k', alg, publicKey, privateKey: privateKeys[alg === 'PS256' ? 'RS256' : alg] })

/** The members of a KeyObject without being one: node:crypto rejects it, as that of workerd does with each that comes with options. */
function toForeign (key: KeyObject): KeyObject {
  const { asymmetricKeyType, asymmetricKeyDetails } = key
  return { asymmetricKeyType, asymmetricKeyDetails, export: key.export.bind(key) } as unknown as KeyObject
}

for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
  t.test(`Wycheproof ${alg}: valid signatures verify, and no other (RFC 7518 §3.1, RFC 8037 §3.1)`, async (t) => {
    const seen = { valid: 0, invalid: 0 }
    for (const { spki, tests } of read(alg.toLowerCase()).publicKeys as { spki: string, tests: Vector[] }[]) {
      const publicKey = createPublicKey({ key: Buffer.from(spki, 'hex'), format: 'der', type: 'spki' })
      const { digest, publicInput, webCrypto } = prepareKey(keyOf(alg, publicKey))
      t.equal(webCrypto, undefined, 'Node.js takes the key by itself')
      const foreign = prepareKey(keyOf(alg, toForeign(publicKey))).webCrypto!
      for (const [number, comment, message, signature, result] of tests) {
        if (result === 'acceptable') continue
        const isSigned = verify(digest, Buffer.from(message, 'hex'), publicInput, Buffer.from(signature, 'hex'))
        seen[result as keyof typeof seen]++
        if (isSigned !== (result === 'valid')) t.fail(`${number} ${comment}: ${result}`)
        if (await foreign.verify(Buffer.from(message, 'hex'), Buffer.from(signature, 'hex')) !== isSigned) t.fail(`${number} ${comment}: ${result}, by WebCrypto`)
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

for (const signing of ['batch', 'pool'] as const) {
  t.test(`Where node:crypto cannot use a key, WebCrypto signs and verifies in the ${signing} (RFC 7515 §5)`, async (t) => {
    const [sign, isSigned] = [createSigner(signing), createVerifier(signing)]
    for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
      const privateKey = privateKeys[alg === 'PS256' ? 'RS256' : alg]
      const native: SigningKey = { kid: 'k', alg, privateKey, publicKey: createPublicKey(privateKey) }
      const foreign: SigningKey = { ...native, privateKey: toForeign(native.privateKey), publicKey: toForeign(native.publicKey) }
      for (const [signer, verifier] of [[foreign, native], [native, foreign], [foreign, foreign]] as const) {
        const text = await sign(signer, 'at+jwt', { sub: 'client' })
        t.equal(await isSigned(readJws(text)!, verifier), true, alg)
        t.equal(await isSigned({ ...readJws(text)!, signingInput: `${text.split('.')[0]}.e30` }, verifier), false, `${alg}: another payload`)
      }
    }
  })
}
