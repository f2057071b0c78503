import { seconds, wholeNumber } from '../options/check-options.ts'

/** The rules for the options of a store that keeps audit records. */
export const AUDIT_RULES = { auditRetention: seconds(1), auditMaxRecords: wholeNumber(1) }
