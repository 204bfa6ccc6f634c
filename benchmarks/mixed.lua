-- The pages that people look at, one after the other; most often one that is cached.
local paths = { "/with/friend5/", "/with/friend6/", "/with/friend5/", "/", "/unread/",
                "/notifications/", "/with/friend5/?format=json", "/thread/101/" }
local n = 0
request = function()
  n = n + 1
  return wrk.format(nil, paths[n % #paths + 1])
end
