"""The Lua scripts of redis_presence: each changes everything that belongs together at once, so counts never tear.

Every script takes the key prefix and the calling process first. Keys, after the prefix:
    place:<place>    hash: user → sockets over all processes
    places           set: the places with people
    people           hash: user → Online as JSON
    share:<process>  hash: "place user" → sockets counted by that process
    leases           hash: process → a count that rises with everything the process does
    left:<process>   set: "room person", departures that this process has yet to broadcast
    epoch            changes when a process with people is dropped; missing after Redis was emptied
"""

_COMMON = """
local prefix, process = ARGV[1], ARGV[2]
local function key(...) return table.concat({prefix, ...}, ':') end

local function add(place, user, delta, person)
  local share, field, users = key('share', process), place .. ' ' .. user, key('place', place)
  local own = redis.call('HINCRBY', share, field, delta)
  if own <= 0 then redis.call('HDEL', share, field) end
  if own < 0 then delta = 0 end -- this process was dropped, and its sockets with it
  local sockets = redis.call('HINCRBY', users, user, delta)
  if person ~= '' then redis.call('HSETNX', key('people'), user, person) end
  if sockets <= 0 then
    redis.call('HDEL', users, user)
    if place == '0' then redis.call('HDEL', key('people'), user) end
  end
  local count = redis.call('HLEN', users)
  redis.call(count > 0 and 'SADD' or 'SREM', key('places'), place)
  return sockets, count
end

-- Removes all that a process counted. Returns "room person" for everybody in a room by its sockets alone.
local function remove_share(owner)
  local left, people = {}, {}
  local share = redis.call('HGETALL', key('share', owner))
  redis.call('DEL', key('share', owner))
  for i = 1, #share, 2 do
    local place, user = string.match(share[i], '^(%d+) (.*)$')
    people[user] = people[user] or redis.call('HGET', key('people'), user) or ''
    if redis.call('HINCRBY', key('place', place), user, -share[i + 1]) <= 0 then
      redis.call('HDEL', key('place', place), user)
      if redis.call('HLEN', key('place', place)) == 0 then redis.call('SREM', key('places'), place) end
      if place == '0' then
        redis.call('HDEL', key('people'), user)
      elseif people[user] ~= '' then -- else its record was lost, and nobody can be named
        table.insert(left, place .. ' ' .. people[user])
      end
    end
  end
  return left, #share > 0
end

-- Differs after each restart or replacement of the server. A restricted user may not ask: then it is always the same.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end

local function keep(left)
  for _, departure in ipairs(left) do redis.call('SADD', key('left', process), departure) end
end

-- The user of a person's record; '' for one of another version that this one cannot read.
local function user_of(person)
  local readable, online = pcall(cjson.decode, person)
  return readable and type(online) == 'table' and online.user_id or ''
end

-- What is to be broadcast: whoever is back in the room has not left.
local function departures()
  for _, departure in ipairs(redis.call('SMEMBERS', key('left', process))) do
    local place, person = string.match(departure, '^(%d+) (.*)$')
    if redis.call('HEXISTS', key('place', place), user_of(person)) == 1 then
      redis.call('SREM', key('left', process), departure)
    end
  end
  return redis.call('SMEMBERS', key('left', process))
end
"""

# Counts one socket more or less. Returns the user's sockets in the place, the people there, and the lease's count.
CHANGE = f"""{_COMMON}
local sockets, count = add(ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6])
return {{sockets, count, redis.call('HINCRBY', key('leases'), process, 1)}}
"""

# Replaces the record of a signed-in user, unless they have signed out and in again meanwhile.
REPLACE = f"""{_COMMON}
if redis.call('HGET', key('people'), ARGV[3]) == ARGV[4] then redis.call('HSET', key('people'), ARGV[3], ARGV[5]) end
"""

# Replaces this process's share by what it sends: [place, user, sockets, person as JSON or ''], as a JSON list.
REWRITE = f"""{_COMMON}
remove_share(process)
for _, entry in ipairs(cjson.decode(ARGV[3])) do add(unpack(entry)) end
redis.call('HINCRBY', key('leases'), process, 1)
"""

# Returns the lease's count, the server's run, the epoch, all leases, and the departures to broadcast.
RENEW = f"""{_COMMON}
redis.call('SETNX', key('epoch'), ARGV[3])
return {{
  redis.call('HINCRBY', key('leases'), process, 1), run_id(), redis.call('GET', key('epoch')),
  redis.call('HGETALL', key('leases')), departures(),
}}
"""

# Returns how many people are in a place, the server's run, and the epoch or ''.
LOOK = f"""{_COMMON}
return {{redis.call('HLEN', key('place', ARGV[3])), run_id(), redis.call('GET', key('epoch')) or ''}}
"""

# Drops another process unless its lease has moved on; this one inherits its departures, and returns all it now has.
DROP = f"""{_COMMON}
local other = ARGV[3]
if redis.call('HGET', key('leases'), other) ~= ARGV[4] then return {{}} end
local left, had_people = remove_share(other)
keep(left)
redis.call('SUNIONSTORE', key('left', process), key('left', process), key('left', other))
redis.call('DEL', key('left', other))
redis.call('HDEL', key('leases'), other)
if had_people then redis.call('SET', key('epoch'), ARGV[5]) end
return departures()
"""

# Takes back all this process counted; its lease stays, so that another one drops it if it dies before it confirms.
WITHDRAW = f"""{_COMMON}
keep((remove_share(process)))
return departures()
"""

# Gives the lease up, if there is nothing left for which another process would have to drop this one.
RELEASE = f"""{_COMMON}
if redis.call('EXISTS', key('share', process), key('left', process)) == 0 then
  redis.call('HDEL', key('leases'), process)
end
"""

ALL = (CHANGE, REPLACE, REWRITE, RENEW, LOOK, DROP, WITHDRAW, RELEASE)
