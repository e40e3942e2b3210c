{{/* Name of everything that the operator consists of. */}}
{{- define "team-operator.name" -}}
{{- if .Values.nameOverride -}}
{{- .Values.nameOverride -}}
{{- else if eq .Release.Name .Chart.Name -}}
team-operator
{{- else -}}
{{- printf "%s-team-operator" (.Release.Name | trunc 40 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change: a Deployment's selector cannot. */}}
{{- define "team-operator.selectorLabels" -}}
app.kubernetes.io/name: team-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "team-operator.labels" -}}
{{ include "team-operator.selectorLabels" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: incidentfox
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "team-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "team-operator.name" .) -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "team-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The Lease for which the operator's pods compete, as operator/src/provisioner/app/election.h names it. */}}
{{- define "team-operator.lease" -}}
{{- if or .Values.watchNamespaces .Values.watchLabelSelector -}}
{{- $part := "" -}}
{{- range sortAlpha .Values.watchNamespaces -}}
{{- $part = printf "%s%s," $part . -}}
{{- end -}}
{{- printf "team-operator-%s" (printf "%s;%s" $part .Values.watchLabelSelector | sha256sum | trunc 10) -}}
{{- else -}}
team-operator
{{- end -}}
{{- end -}}

{{/* Where the operator has rights: everywhere, or in each served namespace. */}}
{{- define "team-operator.scopes" -}}
{{- range .Values.watchNamespaces }}
- {role: Role, binding: RoleBinding, namespace: {{ . }}}
{{- else }}
- {role: ClusterRole, binding: ClusterRoleBinding}
{{- end }}
{{- end -}}

{{/* Whether an uninstall drains the teams. */}}
{{- define "team-operator.drains" -}}
{{- if and (ne .Values.drain.mode "none") (or .Values.rbac.create .Values.drain.serviceAccount) -}}
true
{{- end -}}
{{- end -}}

{{/* The name of pods that the operator's program runs in but that are no operators: no selector of those may find them. */}}
{{- define "team-operator.errandLabels" -}}
app.kubernetes.io/name: team-operator-errand
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: incidentfox
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Of every pod: what the Pod Security Standard "restricted" asks for, and nothing is written to the image. */}}
{{- define "chart.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "chart.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "chart.imagePullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Where pods run: (dict "pod" {nodeSelector, tolerations, affinity, topologySpreadConstraints, priorityClassName} "labels" …).
     Without labels it is one pod alone, which is not spread. */}}
{{- define "chart.scheduling" -}}
{{- $labels := .labels | default "" | fromYaml -}}
{{- with .pod -}}
{{- $spread := .topologySpreadConstraints -}}
{{- if kindIs "invalid" $spread -}}
{{- $spread = list -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- $spread = append $spread (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash")) -}}
{{- end -}}
{{- end -}}
{{- with ternary $spread list (not (empty $labels)) -}}
topologySpreadConstraints:
{{- range . }}
- {{ merge (dict) . (dict "labelSelector" (dict "matchLabels" $labels)) | toYaml | nindent 2 | trim }}
{{- end }}
{{ end -}}
{{- with .priorityClassName -}}
priorityClassName: {{ . }}
{{ end -}}
{{- with .nodeSelector -}}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with .tolerations -}}
tolerations:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with .affinity -}}
affinity:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- end -}}
{{- end -}}

{{- define "team-operator.env" -}}
- name: CONFIG_SERVICE_URL
  value: {{ .Values.teams.configServiceUrl | quote }}
- name: AGENT_IMAGE
  value: {{ .Values.teams.agent.image | quote }}
- name: AGENT_SERVICE_ACCOUNT
  value: {{ .Values.teams.agent.serviceAccount | quote }}
- name: AI_PIPELINE_IMAGE
  value: {{ .Values.teams.pipeline.image | quote }}
- name: AI_PIPELINE_SERVICE_ACCOUNT
  value: {{ .Values.teams.pipeline.serviceAccount | quote }}
- name: DEPENDENCY_SERVICE_IMAGE
  value: {{ .Values.teams.discovery.image | quote }}
- name: DEPENDENCY_SERVICE_ACCOUNT
  value: {{ .Values.teams.discovery.serviceAccount | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Secrets are mounted, not in the environment: so a new token is read without a restart. */}}
{{- define "team-operator.volumeMounts" -}}
{{- with .Values.services -}}
{{- if .configServiceToken.secret -}}
- name: config-service-token
  mountPath: /etc/team-operator/config-service
  readOnly: true
{{- if .pipelineUrl }}
- name: ai-pipeline-token
  mountPath: /etc/team-operator/ai-pipeline
  readOnly: true
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "team-operator.volumes" -}}
{{- with .Values.services -}}
{{- if .configServiceToken.secret -}}
- name: config-service-token
  secret:
    secretName: {{ .configServiceToken.secret }}
{{- if .pipelineUrl }}
- name: ai-pipeline-token
  secret:
    secretName: {{ required "services.pipelineToken.secret is needed with services.pipelineUrl" .pipelineToken.secret }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Flags of the operator: only what differs from its own defaults. */}}
{{- define "team-operator.flags" -}}
- --metrics-bind-address=:{{ .Values.metricsPort }}
- --health-probe-bind-address=:{{ .Values.healthPort }}
- --log-level={{ .Values.log.level }}
- --log-format={{ .Values.log.format }}
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- with .Values.watchLabelSelector }}
- {{ printf "--watch-label-selector=%s" . | quote }}
{{- end }}
{{- with .Values.leaderElection }}
{{- if .enabled }}
- --leader-elect
- --leader-election-namespace={{ $.Release.Namespace }}
{{- with .leaseDuration }}
- --leader-election-lease-duration={{ . }}
{{- end }}
{{- with .renewDeadline }}
- --leader-election-renew-deadline={{ . }}
{{- end }}
{{- with .retryPeriod }}
- --leader-election-retry-period={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.teams }}
{{- with .imagePullSecrets }}
- --image-pull-secrets={{ join "," . }}
{{- end }}
{{- with .agent.secrets }}
- --agent-secrets={{ join "," . }}
{{- end }}
{{- with .agent.runLimit }}
- --run-limit={{ . }}
{{- end }}
{{- with .gatewayPeer }}
- {{ printf "--gateway-peer=%s" (toJson .) | quote }}
{{- end }}
{{- with .configServicePeer }}
- {{ printf "--config-service-peer=%s" (toJson .) | quote }}
{{- end }}
{{- end }}
{{- with .Values.releases }}
{{- if not .enabled }}
- --agent-releases=false
{{- end }}
{{- if not (kindIs "invalid" .rolloutRate) }}
- --release-rollout-rate={{ .rolloutRate }}
{{- end }}
{{- with .maxProgressing }}
- --release-max-progressing={{ . }}
{{- end }}
{{- with .maxFailed }}
- --release-max-failed={{ . }}
{{- end }}
{{- end }}
{{- with .Values.policy }}
{{- with .allowedImageRegistries }}
- --allowed-image-registries={{ join "," . }}
{{- end }}
{{- with .reservedNamespaces }}
- --reserved-namespaces={{ join "," . }}
{{- end }}
{{- with .reservedOrgIds }}
- --reserved-org-ids={{ join "," . }}
{{- end }}
{{- with .reservedTeamNodeIds }}
- --reserved-team-node-ids={{ join "," . }}
{{- end }}
{{- end }}
{{- with .Values.services }}
{{- if .configServiceToken.secret }}
- --config-service-token-file=/etc/team-operator/config-service/{{ .configServiceToken.key }}
{{- with .pipelineUrl }}
- --ai-pipeline-url={{ . }}
- --ai-pipeline-token-file=/etc/team-operator/ai-pipeline/{{ $.Values.services.pipelineToken.key }}
{{- end }}
{{- with .driftInterval }}
- --drift-interval={{ . }}
{{- end }}
{{- with .deletionGiveUp }}
- --deletion-give-up={{ . }}
{{- end }}
{{- else if .pipelineUrl }}
{{- fail "services.configServiceToken.secret is needed with services.pipelineUrl: a team is bootstrapped after it is configured" }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
