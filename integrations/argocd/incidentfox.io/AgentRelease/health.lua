-- Health of an AgentRelease for Argo CD: how far the teams have followed. A team that is suspended, or waits for its turn,
-- stays where it is, which is no progress to be waited for.
local status = obj.status or {}
local function count(name)
  return status[name] or 0
end

if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = "being deleted"}
end
if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waiting for the operator to look at this generation"}
end
if count("failedTeams") > 0 then
  return {status = "Degraded", message = string.format("%d teams were put back on their former release", count("failedTeams"))}
end
if count("progressingTeams") > 0 then
  return {status = "Progressing", message = string.format("%d teams are moving to it", count("progressingTeams"))}
end
return {status = "Healthy", message = string.format("run by %d of %d teams", count("teams"), count("wantedTeams"))}
