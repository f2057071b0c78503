// Key pairs that are the same in every run: generated once for all seeds.
import crypto from 'node:crypto'

type KeyPair = crypto.KeyPairKeyObjectResult

const pool = new Map<string, KeyPair>()
// PKCS #8 of an Ed25519 key, without its 32 bytes (RFC 8410 §7).
const ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const generateKeyPairSync = crypto.generateKeyPairSync

/** The key pair of a number: for one number always the same, RSA excepted. */
export function nthKeyPair (type: string, number: number): KeyPair {
  const name = `${type} ${number}`
  let pair = pool.get(name)
  if (pair === undefined) pool.set(name, pair = generate(type, crypto.createHash('sha256').update(name).digest()))
  return pair
}

function generate (type: string, seed: Buffer): KeyPair {
  if (type === 'ec') return withPublicKey(ecKey(seed))
  if (type === 'ed25519') return withPublicKey(crypto.createPrivateKey({ key: Buffer.concat([ED25519, seed]), format: 'der', type: 'pkcs8' }))
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

function ecKey (seed: Buffer): crypto.KeyObject {
  const ecdh = crypto.createECDH('prime256v1')
  ecdh.setPrivateKey(seed)
  const point = ecdh.getPublicKey()
  const [x, y, d] = [point.subarray(1, 33), point.subarray(33), seed].map((part) => part.toString('base64url')) as [string, string, string]
  return crypto.createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d }, format: 'jwk' })
}

function withPublicKey (privateKey: crypto.KeyObject): KeyPair {
  return { privateKey, publicKey: crypto.createPublicKey(privateKey) }
}
