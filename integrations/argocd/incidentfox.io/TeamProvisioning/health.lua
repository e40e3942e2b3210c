-- Health of a TeamProvisioning for Argo CD: what kstatus makes of its conditions, and Suspended where the operator leaves
-- it alone on request. What is being deleted Argo CD judges itself.
local status = obj.status or {}
local annotations = obj.metadata.annotations or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function health(word, message)
  return {status = word, message = message}
end

local function says(condition)
  return condition.reason .. ": " .. condition.message
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if (obj.spec ~= nil and obj.spec.suspend == true) or annotations["incidentfox.io/paused"] == "true" then
  return health("Suspended", "left alone on request")
end
if status.observedGeneration ~= obj.metadata.generation or conditions.Ready == nil then
  return health("Progressing", "waiting for the operator to look at this generation")
end
if holds("Reconciling") then
  return health("Progressing", says(conditions.Reconciling))
end
if holds("Stalled") then
  return health("Degraded", says(conditions.Stalled))
end
if holds("Ready") then
  return health("Healthy", says(conditions.Ready))
end
return health("Progressing", says(conditions.Ready))
