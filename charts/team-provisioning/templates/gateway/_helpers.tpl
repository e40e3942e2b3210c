{{- define "gateway.name" -}}
{{- if .Values.gateway.nameOverride -}}
{{- .Values.gateway.nameOverride -}}
{{- else if eq .Release.Name .Chart.Name -}}
webhook-gateway
{{- else -}}
{{- printf "%s-webhook-gateway" (.Release.Name | trunc 36 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* The Deployments that there are: what each is called, which roles it has, and where its values are. */}}
{{- define "gateway.processes" -}}
{{- if not .Values.gateway.enabled -}}
[]
{{- else if eq .Values.gateway.topology "combined" -}}
- {component: combined, name: {{ include "gateway.name" . }}, roles: [webhooks, worker, admin]}
{{- else -}}
{{- range list "webhooks" "worker" "admin" }}
- {component: {{ . }}, name: {{ include "gateway.name" $ }}-{{ . }}, roles: [{{ . }}]}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Where new teams get their resource. */}}
{{- define "gateway.teamNamespace" -}}
{{- .Values.gateway.teamNamespace | default (first .Values.watchNamespaces) | default "incidentfox" -}}
{{- end -}}

{{/* All of the gateway's pods. The operator lets pods of this name through to agents that are isolated. */}}
{{- define "gateway.selectorLabels" -}}
app.kubernetes.io/name: webhook-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gateway.labels" -}}
{{ include "gateway.selectorLabels" . }}
app.kubernetes.io/part-of: incidentfox
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "gateway.image" -}}
{{- with .Values.gateway.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* An environment variable from a key of a Secret: (dict "name" … "from" {secret, key} "optional" …). */}}
{{- define "gateway.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .from.secret }}, key: {{ .from.key }}, optional: {{ .optional | default false }}}
{{- end -}}

{{- define "gateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
