// Atomic steps of more than one command. Redis runs one script at a time.
import { createHash } from 'node:crypto'

/** A Lua script, and the hash that Redis caches it under. */
export interface Script {
  text: string
  sha: string
}

// With the first line "#!lua", Redis treats a script without the flag no-writes as a write: a replica rejects it, and
// so does a primary that has too few replicas for min-replicas-to-write. "allow-oom" permits it when maxmemory is reached.
//
// A writable replica (replica-read-only no) would execute it, and its data is not that of the primary: the role is checked
// where the user of the connection may run INFO. acl_check_cmd, unlike a rejected command, writes nothing to the ACL log.
function script (lua: string, { flags = '', sections = "'replication'" } = {}): Script {
  const text = `#!lua${flags}
local info = redis.acl_check_cmd('INFO', ${sections}) and redis.call('INFO', ${sections})
if info and not string.find(info, 'role:master', 1, true) then
  return redis.error_reply('READONLY This Redis is a replica, and its data may be behind that of the primary')
end
local function secondsSince1970 (given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end
${lua}`
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

const EVEN_WHEN_FULL = { flags: ' flags=allow-oom' }
const WITH_RUN_ID = { sections: "'server', 'replication'" }

/**
 * Counts a failure. KEYS: a hash of failures, each a field of count and time. ARGV: the field, now, when a first failure is forgotten,
 * seconds to keep the hash, and how many fields it may have. Returns count and time. A new field replaces an expired one, or
 * else the one with the fewest failures: to evict a field, an attacker needs at least as many failures as it has, in every
 * field.
 */
export const COUNT_FAILURE = script(`
local now, kept = tonumber(ARGV[2]), redis.call('HGET', KEYS[1], ARGV[1])
local count, forgottenAt
if kept then count, forgottenAt = string.match(kept, '(%d+) (%S+)') end
if not count or tonumber(forgottenAt) <= now then count, forgottenAt = 0, ARGV[3] end
if not kept and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
  local all, fewest, victim = redis.call('HGETALL', KEYS[1]), math.huge, nil
  for index = 1, #all, 2 do
    local others, over = string.match(all[index + 1], '(%d+) (%S+)')
    others = tonumber(over or 0) <= now and 0 or tonumber(others)
    if others < fewest then fewest, victim = others, all[index] end
  end
  redis.call('HDEL', KEYS[1], victim)
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s', count + 1, forgottenAt))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return { count + 1, forgottenAt }
`)

/** Deletes the failures of a field. KEYS: the hash. ARGV: the field. */
export const FORGET_FAILURES = script(`
return redis.call('HDEL', KEYS[1], ARGV[1])
`, EVEN_WHEN_FULL)

/**
 * Reads whether this Redis may evict keys. KEYS: one on the node in question. Returns the policy, "noeviction" also without a
 * memory limit; nothing if INFO is not allowed or does not contain it.
 */
export const EVICTION_POLICY = script(`
if not redis.acl_check_cmd('INFO', 'memory') then return '' end
local memory = redis.call('INFO', 'memory')
local maximum, policy = string.match(memory, 'maxmemory:(%d+)'), string.match(memory, 'maxmemory_policy:(%S+)')
if maximum == '0' then return 'noeviction' end
return maximum and policy or ''
`, EVEN_WHEN_FULL)

/** Returns the id of the store. KEYS: where it is. ARGV: the id, if there is none. */
export const STORE_ID = script(`
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
`, EVEN_WHEN_FULL)

// KEYS of the scripts for revocations: three sorted sets (revocations by position, the same by expiry, names of the last
// thousand positions by position) and the id of the store. A revocation is JSON with a member "name". Those of release
// 0.1.0, which may run on the same keys, have none: their name is the hash of the JSON. It takes its cursors and the next
// position from the sorted set of names.

/**
 * Adds a revocation, after removing up to a hundred that have expired. The last expired one is kept: it may be the newest of
 * all, which readers have as their mark. Needs no free memory, so that filling Redis does not prevent a revocation. ARGV: the
 * revocation, its expiry, its name, the clock of this process in seconds since 1970, the clock of the store or nothing for
 * that of Redis, seconds to keep a revocation after its expiry, and an id of the store if it has none. Returns its position.
 * A revocation that already exists was added by this same call: the client sent it again after a lost connection.
 */
export const ADD_REVOCATION = script(`
local kept = redis.call('ZSCORE', KEYS[1], ARGV[1])
if kept then return kept end
redis.call('SET', KEYS[4], ARGV[7], 'NX')
local expiredBefore = math.min(secondsSince1970(ARGV[5]), tonumber(ARGV[4])) - tonumber(ARGV[6])
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.6f', expiredBefore), 'LIMIT', 0, 101)
local positions = {}
for index, text in ipairs(expired) do positions[index] = tonumber(redis.call('ZSCORE', KEYS[1], text) or 0) end
local last = #expired > 0 and math.max(unpack(positions))
for index, text in ipairs(expired) do
  if positions[index] ~= last then
    redis.call('ZREM', KEYS[1], text)
    redis.call('ZREM', KEYS[2], text)
  end
end
local position = 0
for _, key in ipairs({ KEYS[1], KEYS[3] }) do
  position = math.max(position, tonumber(redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2] or 0))
end
position = position + 1
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[1], position, ARGV[1])
redis.call('ZADD', KEYS[3], position, ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1001)
return position
`, EVEN_WHEN_FULL)

/**
 * Lists revocations after a mark. ARGV: position and name of the mark, how many to list, an id of the store if it has
 * none, the clock of the store or nothing for that of Redis. Returns the id of the store, its clock in milliseconds, whether
 * the mark is there, and the revocations, each followed by its position.
 */
export const LIST_REVOCATIONS = script(`
local function nameOf (text)
  local isJson, revocation = pcall(cjson.decode, text)
  if isJson and type(revocation) == 'table' and type(revocation.name) == 'string' then return revocation.name end
  return 'sha1:' .. redis.sha1hex(text)
end
redis.call('SET', KEYS[4], ARGV[4], 'NX')
local storeId, milliseconds = redis.call('GET', KEYS[4]), math.floor(secondsSince1970(ARGV[5]) * 1000)
if ARGV[1] ~= '0' or ARGV[2] ~= '' then
  local marked = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])[1]
  if not marked or nameOf(marked) ~= ARGV[2] then return { storeId, milliseconds, 0, {} } end
end
local listed = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
return { storeId, milliseconds, 1, listed }
`, EVEN_WHEN_FULL)

// The sentinel shows whether Redis still has the history that the reservations of a bucket are part of. It consists of its
// name, the run_id and the master_replid of the Redis that wrote it, the time when it was created, and the time when a loss
// of history was noticed last, or "-". A restart, and a promotion of another Redis, change run_id. A Redis that becomes a
// replica and is promoted again keeps it, although it has lost what the primary in between had not received; it gets
// another master_replid, and master_replid2. Without the latter, master_replid has changed for the first replica, or an
// hour after the last one.
//
// ARGV: the name that this process read last or nothing, a name for a new sentinel, "1" if a missing sentinel was lost, and
// the clock of the store or nothing for that of Redis. The lines set the name, the time of a loss, and whether it was
// noticed by this call.
const CHECK_SENTINEL = `
local name, lostAt, isNews = '', nil, 0
if info then
  local runId, replicationId, createdAt, lostText
  local sentinel = redis.call('GET', KEYS[1])
  if sentinel then
    name, runId, replicationId, createdAt, lostText = string.match(sentinel, '(%S+) (%S+) (%S+) (%S+) (%S+)')
    lostAt = tonumber(lostText)
  end
  local isSameProcess = sentinel and string.find(info, 'run_id:' .. runId, 1, true)
  local isSameId = sentinel and string.find(info, 'master_replid:' .. replicationId, 1, true)
  -- A process that could not notice a loss has created this sentinel after it.
  local isOther = sentinel and ARGV[1] ~= '' and ARGV[1] ~= name and (lostAt or 0) < tonumber(createdAt)
  if not isSameProcess or not isSameId or isOther then
    local time = secondsSince1970(ARGV[4])
    local lossTime
    if not sentinel then
      name, createdAt = ARGV[2], time
      lossTime = (ARGV[1] ~= '' or ARGV[3] == '1') and time
    elseif not isSameProcess or not isSameId and not string.find(info, 'master_replid2:0000', 1, true) then
      lossTime = time
    elseif isOther then
      lossTime = tonumber(createdAt)
    end
    if lossTime then lostAt, isNews = lossTime, 1 end
    local ids = { string.match(info, 'run_id:(%w+)'), string.match(info, 'master_replid:(%w+)') }
    local times = { string.format('%.6f', createdAt), lostAt and string.format('%.6f', lostAt) or '-' }
    redis.call('SET', KEYS[1], table.concat({ name, ids[1], ids[2], times[1], times[2] }, ' '))
  end
end
`

/** Reads a sentinel, and writes it where it is missing. KEYS: the sentinel. ARGV as above. Returns its name; nothing if INFO is not allowed. */
export const WATCH = script(`
${CHECK_SENTINEL}
return name
`, WITH_RUN_ID)

/**
 * Reserves a value. KEYS: the sentinel, the reservation. ARGV as above, then: a random string for this call, seconds to keep
 * the reservation, and the earliest time of a loss that may affect the reservation of this value. Returns the name of the
 * sentinel, whether a loss was detected now, and 1 for reserved, 0 for already reserved, -1 for possibly lost. A reservation
 * with the string of this call was created by it: the client sent the call again after a lost connection.
 */
export const RESERVE = script(`
${CHECK_SENTINEL}
local kept = redis.call('GET', KEYS[2])
if kept then return { name, isNews, kept == ARGV[5] and 1 or 0 } end
if lostAt and lostAt >= tonumber(ARGV[7]) then return { name, isNews, -1 } end
redis.call('SET', KEYS[2], ARGV[5], 'EX', ARGV[6])
return { name, isNews, 1 }
`, WITH_RUN_ID)
