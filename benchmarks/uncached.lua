-- Each request has an address of its own, so none is answered from the cache.
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, wrk.path .. "?n=" .. n .. "." .. os.time())
end
