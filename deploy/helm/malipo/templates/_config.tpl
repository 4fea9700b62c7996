{{/* What every process is told. */}}
{{- define "malipo.environment" -}}
ENVIRONMENT: {{ .Values.environment }}
{{- if .Values.allowPlaintext }}
ALLOW_PLAINTEXT: "true"
{{- end }}
{{- end }}

{{/* The name of its own, for a process of a service. */}}
{{- define "malipo.instance" -}}
- { name: INSTANCE, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
{{- end }}

{{/* All that a service is told beside its secrets, as a map of strings: (list root name service). */}}
{{- define "malipo.config" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $service := index . 2 -}}
{{- $values := $root.Values -}}
{{ include "malipo.environment" $root }}
DATABASE_URL_FILE: /etc/malipo/secrets/database-url
{{- if $service.facts.redis }}
REDIS_URL_FILE: /etc/malipo/secrets/redis-url
{{- end }}
{{- if $service.facts.seals }}
KEY_RING_FILE: /etc/malipo/secrets/key-ring
{{- end }}
{{ include "malipo.kafka" (list $root ($service.kafkaUsername | default $name) $values.kafka.saslMechanism) }}
ADMIN_HOST: {{ $values.listen | quote }}
ADMIN_PORT: {{ $values.ports.admin | toString | quote }}
{{- if $service.facts.public }}
HTTP_HOST: {{ $values.listen | quote }}
HTTP_PORT: {{ $values.ports.http | toString | quote }}
HTTP_DRAIN_SECONDS: {{ $values.drainSeconds | toString | quote }}
STOP_SECONDS: {{ $values.stopSeconds | toString | quote }}
{{- with $values.trustedProxies }}
TRUSTED_PROXIES: {{ . | quote }}
{{- end }}
{{- end }}
{{- with $values.tracing.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
TRACE_RATIO: {{ $values.tracing.ratio | toString | quote }}
{{- end }}
{{- if and $service.facts.calledBack (not (hasKey $service.settings "CALLBACK_BASE_URL")) }}
CALLBACK_BASE_URL: {{ printf "https://%s" $values.ingress.host | quote }}
{{- end }}
{{- range $setting, $value := $service.settings }}
{{ $setting }}: {{ include "malipo.text" $value | quote }}
{{- end }}
{{- range $setting, $_ := $service.files }}
{{- if regexMatch "^[A-Z]" $setting }}
{{ $setting }}: {{ printf "/etc/malipo/files/%s" (lower $setting) | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The files of a service: (list root name service). */}}
{{- define "malipo.sources" -}}
{{- $root := index . 0 -}}
{{- $service := index . 2 -}}
{{- $redis := ternary "redis-url" "" (not (empty $service.facts.redis)) -}}
{{ include "malipo.secretSource" (list (include "malipo.secretName" (list $root $service.existingSecret (index . 1))) "database-url" $redis (include "malipo.kafkaSecretKey" (list $root $root.Values.kafka.saslMechanism))) }}
{{- if $service.facts.seals }}
- secret:
    name: {{ include "malipo.secretName" (list $root $root.Values.keyRing.existingSecret "key-ring") }}
    items: [{ key: {{ $root.Values.keyRing.key }}, path: secrets/key-ring }]
{{- end }}
{{ include "malipo.kafkaCertificate" (list $root $service.kafkaCertificateSecret) }}
{{ include "malipo.caSource" (list $root.Values.kafka.ca "tls/kafka-ca.pem") }}
{{ include "malipo.caSource" (list $root.Values.database.ca "tls/database-ca.pem") }}
{{- if $service.facts.redis }}
{{ include "malipo.caSource" (list $root.Values.redis.ca "tls/redis-ca.pem") }}
{{- end }}
{{- range $setting, $file := $service.files }}
{{ include "malipo.caSource" (list (mergeOverwrite (dict "secret" "" "configMap" "") $file) (printf "files/%s" (lower $setting))) }}
{{- end }}
{{- end }}
