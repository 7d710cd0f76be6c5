"""The scripts that Redis runs: each is one step for all who share the state.

They mirror `usage.budgets.counting`, by Redis's own clock. An account is a hash: `s` where its window starts, `c` what
was spent in it, `p` in the one before, `o` a limit that was set at run time, `b` and `n` the names of budget and
subject. Open streams are a sorted set beside it, by the moment until which each is taken to be open.

Amounts are added by HINCRBY, which is exact; Lua's numbers compare them, and are exact up to 2^53: 9 million dollars.
"""

from hashlib import sha1
from typing import Final

from msgspec import Struct


class RedisScript(Struct, frozen=True):
    """A script and the name that Redis knows it by."""

    text: bytes
    digest: bytes


def _script(text: str) -> RedisScript:
    raw = text.encode()
    return RedisScript(raw, sha1(raw, usedforsecurity=False).hexdigest().encode())


_CLOCK: Final = """
local told = redis.call('TIME')
local now = tonumber(told[1]) + tonumber(told[2]) / 1000000
local function whole(number) return string.format('%.0f', number) end
local function stretch(from, till, before)
  -- The window that Redis's clock is in, where the client's clock is wrong.
  if now >= from and now < till then return from, till, before end
  local length = till - from
  if now < from and now >= before then return before, from, before - length end
  if now < from then
    from = from - math.ceil((from - now) / length) * length
  else
    from = till + math.floor((now - till) / length) * length
  end
  return from, from + length, from - length
end
"""

ASK_WORDS: Final = 10
"""Words of an ask: amount, limit, start, end and start before of the window, sliding, enforced, the id of a stream
(empty for others), and the names of budget and subject."""

LEASE: Final = 60
"""Seconds for which a stream is taken to be open unless its worker says again that it is: after that long, those of a
worker that died are free."""

KEEP: Final = 3600
"""Seconds that an account is kept beyond the time that anything of it counts: for clocks that are wrong."""

RESERVE: Final = _script(f"""{_CLOCK}
local rows, room = {{}}, true
for i, key in ipairs(KEYS) do
  local a = (i - 1) * {ASK_WORDS}
  local amount, limit = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local sliding, enforced, id = ARGV[a + 6] == '1', ARGV[a + 7] == '1', ARGV[a + 8]
  local kept = redis.call('HMGET', key, 's', 'c', 'p', 'o')
  local s, c, p = tonumber(kept[1]) or 0, kept[2] or '0', kept[3] or '0'
  local from, till, before = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  local rolled = false
  if id ~= '' then
    redis.call('ZREMRANGEBYSCORE', key .. ':open', '-inf', now)
    s, c, p, from, till = 0, whole(redis.call('ZCARD', key .. ':open')), '0', 0, 0
  else
    from, till, before = stretch(from, till, before)
    if from > s then
      p = s >= before and c or '0'
      s, c, rolled = from, '0', true
    end
  end
  local used = tonumber(c)
  if sliding and p ~= '0' then
    local left = math.min(1, math.max(0, (till - now) / (till - from)))
    used = used + math.ceil(tonumber(p) * left)
  end
  if enforced and used + amount > tonumber(kept[4] or limit) then room = false end
  rows[i] = {{whole(s), c, p, kept[4] or '', whole(from), whole(till), rolled, not kept[1]}}
end
local out = {{room and 1 or 0, told[1], told[2]}}
for i, key in ipairs(KEYS) do
  local a, row = (i - 1) * {ASK_WORDS}, rows[i]
  if room and ARGV[a + 8] ~= '' then
    redis.call('ZADD', key .. ':open', now + {LEASE}, ARGV[a + 8])
    redis.call('EXPIRE', key .. ':open', {LEASE + KEEP})
    if row[8] then
      redis.call('HSET', key, 's', '0', 'b', ARGV[a + 9], 'n', ARGV[a + 10])
    end
    if row[4] == '' then redis.call('EXPIRE', key, {LEASE + KEEP}) end
  elseif room then
    if row[7] then
      redis.call('HSET', key, 's', row[1], 'c', '0', 'p', row[3], 'b', ARGV[a + 9], 'n', ARGV[a + 10])
      if row[4] == '' then
        redis.call('EXPIREAT', key, whole(2 * tonumber(row[6]) - tonumber(row[5]) + {KEEP}))
      end
    end
    redis.call('HINCRBY', key, 'c', ARGV[a + 1])
  end
  for n = 1, 6 do out[#out + 1] = row[n] end
end
return out
""")
"""Reserve all or nothing. Returns 1 or 0, Redis's seconds and microseconds, and of each account as it was before:
start, spent, spent before, limit set at run time, and the window's start and end."""

SETTLE: Final = _script("""
local function wrong(reply)
  -- A key that is no account of ours: the others go on. What concerns all of them ends the script before it writes.
  local text = type(reply) == 'table' and reply.err
  return text and (string.find(text, '^WRONGTYPE') or string.find(text, '^ERR')) ~= nil, text and reply
end
for i, key in ipairs(KEYS) do
  local a = (i - 1) * 4
  local reply
  if ARGV[a + 4] ~= '' then
    reply = redis.pcall('ZREM', key .. ':open', ARGV[a + 4])
  else
    reply = redis.pcall('HGET', key, 's')
    if type(reply) == 'string' then
      local field = reply == ARGV[a + 1] and 'c' or reply == ARGV[a + 2] and 'p'
      if field then reply = redis.pcall('HINCRBY', key, field, ARGV[a + 3]) end
      if field and type(reply) == 'number' and reply < 0 then redis.call('HSET', key, field, '0') end
    end
  end
  local alone, failed = wrong(reply)
  if failed and not alone then return failed end
end
return 1
""")
"""Correct what was reserved. Words of a part: start and end of its window, the difference, the id of a stream."""

RENEW: Final = _script(f"""{_CLOCK}
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key .. ':open', now + {LEASE}, ARGV[i])
  redis.call('EXPIRE', key .. ':open', {LEASE + KEEP})
  if not redis.call('HGET', key, 'o') then redis.call('EXPIRE', key, {LEASE + KEEP}) end
end
return 1
""")
"""Say that streams are still open. Those that Redis has forgotten are open again."""

LOOK: Final = _script(f"""{_CLOCK}
local kept = redis.call('HMGET', KEYS[1], 's', 'c', 'p', 'o', 'b', 'n')
local open = redis.call('ZCOUNT', KEYS[1] .. ':open', '(' .. now, '+inf')
local s, c, p = kept[1] or '0', kept[2] or '0', kept[3] or '0'
return {{told[1], told[2], s, c, p, kept[4] or '', kept[5] or '', kept[6] or '', open}}
""")
"""Look at an account: Redis's seconds and microseconds, its fields, and how many streams are open."""

LIMIT: Final = _script(f"""{_CLOCK}
local key = KEYS[1]
if ARGV[1] ~= '' then
  redis.call('HSET', key, 'o', ARGV[1], 'b', ARGV[2], 'n', ARGV[3])
  redis.call('PERSIST', key)
elseif redis.call('HDEL', key, 'o') == 1 then
  redis.call('EXPIREAT', key, whole(math.max(now, 2 * tonumber(ARGV[5]) - tonumber(ARGV[4])) + {LEASE + KEEP}))
end
return 1
""")
"""Set the limit of an account, or take one back (empty). Words: limit, names of budget and subject, start and end of
the window (both 0 without one)."""

RESET: Final = _script(f"""{_CLOCK}
local kept = redis.call('HMGET', KEYS[1], 's')
if kept[1] then
  local from = stretch(tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]))
  local s = math.max(tonumber(kept[1]), from)
  redis.call('HSET', KEYS[1], 's', whole(math.max(math.floor(now), s + 1)), 'c', '0', 'p', '0')
end
return 1
""")
"""Forget what an account has spent. Words: start and end of the window, and start of the one before."""

SCRIPTS: Final = (RESERVE, SETTLE, RENEW, LOOK, LIMIT, RESET)
