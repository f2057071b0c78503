// Replaces the clocks, the timers, the random numbers and the asynchronous cryptography of Node.js by those of the simulation
// while one is running. Must be imported before the code that is simulated: `import { scrypt } from 'node:crypto'` binds what
// is there by then.
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { promisify } from 'node:util'
import { nthKeyPair } from './key-pool.ts'
import type { Random } from './random.ts'

/** A timer of the simulation. */
export interface SimulatedTimer { cancel (): void }

/** What the code that runs at this moment sees of its machine. */
export interface Machine {
  readonly random: Random
  wall (): number
  monotonic (): number
  timer (callback: () => void, milliseconds: number): SimulatedTimer
  /** Runs behind everything that the process does in this turn of its event loop. */
  immediate (callback: () => void): SimulatedTimer
  /** Milliseconds that a slow hash takes. */
  hashDuration (): number
  nextKeyNumber (): number
}

let machine: Machine | undefined

/** Switches to the machine of the code that runs next, or back to the real one. */
export function switchTo (next: Machine | undefined): void {
  machine = next
}

export const realSetImmediate = globalThis.setImmediate
const real = {
  now: performance.now.bind(performance),
  dateNow: Date.now,
  random: Math.random,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  clearImmediate: globalThis.clearImmediate,
  abortTimeout: AbortSignal.timeout.bind(AbortSignal),
  randomBytes: crypto.randomBytes,
  randomUUID: crypto.randomUUID,
  randomInt: crypto.randomInt,
  scrypt: crypto.scrypt,
  generateKeyPair: crypto.generateKeyPair,
  digest: crypto.webcrypto.subtle.digest,
  verify: crypto.verify,
  subtleVerify: crypto.webcrypto.subtle.verify
}

class Handle {
  readonly timer: SimulatedTimer

  constructor (timer: SimulatedTimer) {
    this.timer = timer
  }

  ref (): this { return this }
  unref (): this { return this }
  hasRef (): boolean { return false }
  [Symbol.dispose] (): void { this.timer.cancel() }
}

const define = (target: object, name: string, value: unknown): void => {
  Object.defineProperty(target, name, { value, configurable: true, writable: true })
}

define(performance, 'now', () => machine === undefined ? real.now() : machine.monotonic())
define(Date, 'now', () => machine === undefined ? real.dateNow() : machine.wall())
define(Math, 'random', () => machine === undefined ? real.random() : machine.random.unit())

define(globalThis, 'setTimeout', Object.assign((callback: (...values: unknown[]) => void, milliseconds = 0, ...values: unknown[]) => {
  if (machine === undefined) return real.setTimeout(callback, milliseconds, ...values)
  return new Handle(machine.timer(() => { callback(...values) }, Math.max(1, Number(milliseconds))))
}, { [promisify.custom]: (real.setTimeout as unknown as Record<symbol, unknown>)[promisify.custom] }))
define(globalThis, 'clearTimeout', (handle: unknown) => {
  handle instanceof Handle ? handle.timer.cancel() : real.clearTimeout(handle as NodeJS.Timeout)
})
define(globalThis, 'setImmediate', Object.assign((callback: (...values: unknown[]) => void, ...values: unknown[]) => {
  if (machine === undefined) return realSetImmediate(callback, ...values)
  return new Handle(machine.immediate(() => { callback(...values) }))
}, { [promisify.custom]: (realSetImmediate as unknown as Record<symbol, unknown>)[promisify.custom] }))
define(globalThis, 'clearImmediate', (handle: unknown) => {
  handle instanceof Handle ? handle.timer.cancel() : real.clearImmediate(handle as NodeJS.Immediate)
})
define(AbortSignal, 'timeout', (milliseconds: number) => {
  if (machine === undefined) return real.abortTimeout(milliseconds)
  const controller = new AbortController()
  machine.timer(() => { controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')) }, milliseconds)
  return controller.signal
})

type Callback<T> = (error: Error | null, value: T) => void

define(crypto, 'randomBytes', (size: number, callback?: Callback<Buffer>) => {
  if (machine === undefined || callback !== undefined) return callback === undefined ? real.randomBytes(size) : real.randomBytes(size, callback)
  return machine.random.bytes(size)
})
define(crypto, 'randomUUID', () => {
  if (machine === undefined) return real.randomUUID()
  const hex = machine.random.bytes(16).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
})
define(crypto, 'randomInt', (min: number, max?: number | Callback<number>, callback?: Callback<number>) => {
  if (machine === undefined || callback !== undefined || typeof max === 'function') return (real.randomInt as (...values: unknown[]) => unknown)(min, max, callback)
  return max === undefined ? machine.random.integer(0, min - 1) : machine.random.integer(min, max - 1)
})

// The time that a slow hash takes is that of the simulation. The digest is another one than that of scrypt.
define(crypto, 'scrypt', (password: crypto.BinaryLike, salt: crypto.BinaryLike, size: number, ...rest: unknown[]) => {
  const callback = rest.at(-1) as Callback<Buffer>
  if (machine === undefined) return (real.scrypt as (...values: unknown[]) => void)(password, salt, size, ...rest)
  const digest = Buffer.from(crypto.hkdfSync('sha256', password as Buffer, salt as Buffer, 'scrypt', size))
  machine.timer(() => { callback(null, digest) }, machine.hashDuration())
})

function generateKeyPair (type: string, options: object, callback: (error: Error | null, publicKey: crypto.KeyObject, privateKey: crypto.KeyObject) => void): void {
  if (machine === undefined) return (real.generateKeyPair as (...values: unknown[]) => void)(type, options, callback)
  const { publicKey, privateKey } = nthKeyPair(type, machine.nextKeyNumber())
  machine.timer(() => { callback(null, publicKey, privateKey) }, 2)
}
define(crypto, 'generateKeyPair', Object.assign(generateKeyPair, {
  [promisify.custom]: (type: string, options: object) => new Promise((resolve, reject) => {
    generateKeyPair(type, options, (error, publicKey, privateKey) => { error === null ? resolve({ publicKey, privateKey }) : reject(error) })
  })
}))

// Several processes verify the same signatures with the same keys: each is computed once.
const verified = new Map<string, boolean>()
const keyNames = new WeakMap<object, string>()
const MAX_VERIFIED = 5000

function nameOf (key: crypto.KeyObject): string {
  let name = keyNames.get(key)
  if (name === undefined) keyNames.set(key, name = key.export({ format: 'der', type: 'spki' }).toString('base64'))
  return name
}

define(crypto, 'verify', (digest: string | null, data: Buffer, input: crypto.KeyObject | { key: crypto.KeyObject }, signature: Buffer, callback?: unknown) => {
  const key = input instanceof crypto.KeyObject ? input : input.key
  if (machine === undefined || callback !== undefined || !(key instanceof crypto.KeyObject) || key.type !== 'public') {
    return (real.verify as (...values: unknown[]) => unknown)(digest, data, input, signature, ...callback === undefined ? [] : [callback])
  }
  const name = `${nameOf(key)} ${signature.toString('base64')} ${data.toString('base64')}`
  let isValid = verified.get(name)
  if (isValid === undefined) {
    if (verified.size > MAX_VERIFIED) verified.clear()
    verified.set(name, isValid = real.verify(digest, data, input as crypto.KeyObject, signature))
  }
  return isValid
})

// WebCrypto runs in the thread pool, whose order is not that of the seed.
const subtle = Object.getPrototypeOf(crypto.webcrypto.subtle) as object
const hashName = (algorithm: string | { name: string }): string => (typeof algorithm === 'string' ? algorithm : algorithm.name).replace('-', '').toLowerCase()
define(subtle, 'digest', async function (this: unknown, algorithm: string, data: Buffer) {
  if (machine === undefined) return await real.digest.call(this as crypto.webcrypto.SubtleCrypto, algorithm, data)
  const digest = crypto.createHash(hashName(algorithm)).update(data).digest()
  return digest.buffer.slice(digest.byteOffset, digest.byteOffset + digest.byteLength)
})
define(subtle, 'verify', async function (this: unknown, algorithm: crypto.webcrypto.EcdsaParams, key: crypto.webcrypto.CryptoKey, signature: Uint8Array, data: Uint8Array) {
  if (machine === undefined) return await real.subtleVerify.call(this as crypto.webcrypto.SubtleCrypto, algorithm, key, signature, data)
  const digest = key.algorithm.name === 'ECDSA' ? hashName(algorithm.hash as string) : null
  return crypto.verify(digest, data, { key: crypto.KeyObject.from(key), dsaEncoding: 'ieee-p1363' }, signature)
})

syncBuiltinESMExports()
