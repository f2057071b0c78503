// The test kit, by topic: tokens that the real guards of an application verify, and an issuer in the process. Nothing is bypassed:
// a guard that is missing or wrong fails the test. NOT for production.

// Tokens for the application under test
export { tokenFor } from './token-for.ts'
export type { ApplicationUnderTest, TestTokenOptions } from './token-for.ts'
export type { TokenFlaw } from './spoil-token.ts'

// An issuer elsewhere
export { testIssuer } from './test-issuer.ts'
export type { IssuedTokenOptions, TestIssuer, TestIssuerOptions } from './test-issuer.ts'

// Keys and time
export { proofKey } from './proof-key.ts'
export type { ProofKey, ProofKeyOptions, ProofOptions } from './proof-key.ts'
export { testClock } from './test-clock.ts'
export type { TestClock } from './test-clock.ts'
