-- Health of an AgentRelease for Argo CD: how far the teams have followed. A team that is suspended, or waits for its turn,
-- stays where it is, which is no progress to be waited for.
local status = obj.status or {}
local function count(name)
  return status[name] or 0
end

if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waiting for the operator to look at this generation"}
end
if count("failedTeams") > 0 then
  return {status = "Degraded", message = count("failedTeams") .. " teams were put back on their former release"}
end
if count("progressingTeams") > 0 then
  return {status = "Progressing", message = count("progressingTeams") .. " teams are moving to it"}
end
return {status = "Healthy", message = "run by " .. count("teams") .. " of " .. count("wantedTeams") .. " teams"}
