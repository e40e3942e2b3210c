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

{{/* How a role logs in to its database: (dict "root" $ "login" owner, ingest or worker). */}}
{{- define "gateway.databaseEnv" -}}
{{- $database := .root.Values.gateway.database -}}
{{- $from := get $database .login -}}
{{- if not $from.secret -}}
{{- $from = $database.owner -}}
{{- end -}}
{{- if and $database.embedded.enabled (eq $from.secret $database.owner.secret) -}}
- name: DB_HOST
  value: {{ include "gateway.databaseName" .root }}
- name: DB_PORT
  value: "5432"
- name: DB_NAME
  value: webhook_gateway
- name: DB_USER
  value: webhook_gateway
{{ include "gateway.secretEnv" (dict "name" "DB_PASSWORD" "from" (dict "secret" (include "gateway.databaseSecret" .root) "key" "password")) }}
{{- else -}}
{{- include "gateway.secretEnv" (dict "name" "DATABASE_URL" "from" $from) }}
{{- end -}}
{{- end -}}

{{/* The embedded PostgreSQL, and the Secret with its password. */}}
{{- define "gateway.databaseName" -}}
{{- include "gateway.name" . }}-database
{{- end -}}

{{- define "gateway.databaseSecret" -}}
{{- .Values.gateway.database.embedded.existingSecret | default (include "gateway.databaseName" .) -}}
{{- end -}}

{{- define "gateway.databaseLabels" -}}
app.kubernetes.io/name: webhook-gateway-database
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The Services that lead to one role, or to all: what each is called, its values, and the port of the pods. */}}
{{- define "gateway.services" -}}
{{- $services := .Values.gateway.service -}}
- {role: webhooks, port: webhooks, name: {{ $services.webhooks.name | default (include "gateway.name" .) }}}
{{- if not (eq (include "gateway.sharedListener" .) "true") }}
- {role: admin, port: admin, name: {{ $services.admin.name | default (printf "%s-admin" (include "gateway.name" .)) }}}
{{- end }}
{{- end -}}

{{/* Where a role is reached from inside of the cluster: (dict "root" $ "role" webhooks or admin). */}}
{{- define "gateway.url" -}}
{{- $services := include "gateway.services" .root | fromYamlArray -}}
{{- $service := ternary (first $services) (last $services) (eq .role "webhooks") -}}
http://{{ $service.name }}.{{ .root.Release.Namespace }}.svc:{{ (get .root.Values.gateway.service $service.role).port }}
{{- end -}}

{{- define "gateway.sharedListener" -}}
{{- if and .Values.gateway.sharedListener (ne .Values.gateway.topology "combined") -}}
{{- fail "gateway.sharedListener is for gateway.topology combined; with split, give gateway.service.admin the former name" -}}
{{- end -}}
{{- .Values.gateway.sharedListener -}}
{{- end -}}
