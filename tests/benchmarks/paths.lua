-- wrk: the paths of a file in turn, each with the key; arguments: FILE KEY
local paths, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    paths[#paths + 1] = line
  end
  wrk.headers["Authorization"] = "Bearer " .. arguments[2]
end

function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
