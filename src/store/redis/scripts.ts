// What has to happen in one atomic step and is more than one command. Redis runs one script at a time.
import { createHash } from 'node:crypto'

/** A Lua script, and the hash that Redis keeps it under. */
export interface Script {
  text: string
  sha: string
}

function script (text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/**
 * Reserves a key that Redis has still. KEYS: the key. ARGV: value, now, seconds to keep it. The value begins with the
 * time of expiry. One that is the same was written by this very call: the client sent it again after the connection
 * broke before the answer.
 */
export const RESERVE_KEPT = script(`
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= ARGV[1] and tonumber(string.match(kept, '%S+')) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
`)

// A Redis that is full refuses the first command that needs memory, but no later one: none that frees some comes before it.

/** Counts a failure. KEYS: the key. ARGV: now, when a first failure is forgotten, seconds to keep it. Returns count and time. */
export const COUNT_FAILURE = script(`
local forgottenAt = redis.call('HGET', KEYS[1], 'forgottenAt')
if not forgottenAt or tonumber(forgottenAt) <= tonumber(ARGV[1]) then
  forgottenAt = ARGV[2]
  redis.call('HSET', KEYS[1], 'forgottenAt', forgottenAt, 'count', 0)
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return { redis.call('HINCRBY', KEYS[1], 'count', 1), forgottenAt }
`)

// Both scripts for revocations have three sorted sets as KEYS: revocations by position, the same by expiry, and the random
// names of the last positions by position. A cursor is such a name. One that is not there comes from another history:
// Redis lost its data, or a replica took over that had not heard of all, and gives the same positions to other revocations.

/**
 * Adds a revocation, unless it is there, and removes up to a hundred that have expired: more than come in, and that is why
 * a full Redis may take it then. ARGV: the revocation, its expiry, a random name for its position, and the expiry of what is removed.
 */
export const ADD_REVOCATION = script(`
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 100)
if #expired > 0 then
  redis.call('ZREM', KEYS[1], unpack(expired))
  redis.call('ZREM', KEYS[2], unpack(expired))
end
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local position = tonumber(last[2] or 0) + 1
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
if redis.call('ZADD', KEYS[1], 'NX', position, ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[3], position, ARGV[3])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1001)
end
`)

/**
 * Lists a page of the revocations behind a cursor, of all for one that is not known. ARGV: the cursor, the last position of
 * the page before or nothing, and how many are a page. Returns the next cursor, and the page, each followed by its position.
 */
export const LIST_REVOCATIONS = script(`
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0)
local from = ARGV[2] ~= '' and ARGV[2] or redis.call('ZSCORE', KEYS[3], ARGV[1])
local page = redis.call('ZRANGEBYSCORE', KEYS[1], from and '(' .. from or '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
return { last[1] or '', page }
`)
