import { test } from 'tap'
import type { StoredToken, TokenStore } from '../../../src/stores/contracts/index.ts'
import { movedClock, NUL, START, TOKEN } from './fixtures.ts'
import type { MakeStore } from './fixtures.ts'

export function tokenContract (name: string, makeStore: MakeStore<TokenStore>): void {
  test(`${name} keeps a token until it is removed`, async (t) => {
    const store = await makeStore(t, () => START)
    const bound: StoredToken = { ...TOKEN, scope: [], generation: START * 1000, confirmation: { jkt: 'thumbprint' } }
    t.equal(await store.findToken('hash'), undefined)
    await store.saveToken('hash', TOKEN)
    await store.saveToken('other', bound)
    t.strictSame(await store.findToken('hash'), TOKEN)
    t.strictSame(await store.findToken('other'), bound)
    await store.removeToken('hash')
    await store.removeToken('hash')
    t.equal(await store.findToken('hash'), undefined)
    t.strictSame(await store.findToken('other'), bound)
  })

  test(`${name} finds a token by its whole hash only`, async (t) => {
    const store = await makeStore(t, () => START)
    await store.saveToken('reader', TOKEN)
    for (const hash of [NUL, 'READER', 'reade', '', '%']) {
      t.equal(await store.findToken(hash), undefined)
      await store.removeToken(hash)
    }
    t.strictSame(await store.findToken('reader'), TOKEN)
  })

  test(`${name} returns copies of tokens, and keeps copies`, async (t) => {
    const store = await makeStore(t, () => START)
    const token = structuredClone(TOKEN)
    await store.saveToken('hash', token)
    for (let round = 0; round < 2; round++) {
      const found = await store.findToken('hash')
      token.clientId = found!.clientId = 'changed'
    }
    t.strictSame(await store.findToken('hash'), TOKEN)
  })

  test(`${name} finds no token that has expired`, async (t) => {
    const { now, move } = movedClock(t)
    const store = await makeStore(t, now)
    await store.saveToken('hash', TOKEN)
    move(99)
    t.strictSame(await store.findToken('hash'), TOKEN)
    move(1)
    t.equal(await store.findToken('hash'), undefined)
    await store.saveToken('hash', { ...TOKEN, expiresAt: now() + 1 })
    t.strictSame(await store.findToken('hash'), { ...TOKEN, expiresAt: now() + 1 }, 'one that has the place of another')
  })
}
