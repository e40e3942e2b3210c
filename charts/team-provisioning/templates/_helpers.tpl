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

{{/* Arguments of the operator: only what differs from its own defaults. */}}
{{- define "team-operator.args" -}}
- run
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
