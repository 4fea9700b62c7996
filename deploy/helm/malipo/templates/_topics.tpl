{{/* What the topics step is told. */}}
{{- define "malipo.topicsConfig" -}}
{{ include "malipo.environment" . }}
{{ include "malipo.kafka" (list . .Values.topics.kafkaUsername (include "malipo.topicsMechanism" .)) }}
KAFKA_REPLICATION: {{ .Values.topics.replication | toString | quote }}
{{- if .Values.topics.acls }}
KAFKA_ACLS: "true"
{{- end }}
{{- with .Values.topics.principals }}
KAFKA_PRINCIPALS: {{ toJson . | quote }}
{{- end }}
{{- with .Values.topics.consumers }}
KAFKA_CONSUMERS: {{ toJson . | quote }}
{{- end }}
{{- end }}

{{/* Its files: (list root secret). */}}
{{- define "malipo.topicsSources" -}}
{{- $root := index . 0 -}}
{{ include "malipo.secretSource" (list (index . 1) (include "malipo.kafkaSecretKey" (list $root (include "malipo.topicsMechanism" $root)))) }}
{{ include "malipo.kafkaCertificate" (list $root $root.Values.topics.kafkaCertificateSecret) }}
{{ include "malipo.caSource" (list $root.Values.kafka.ca "tls/kafka-ca.pem") }}
{{- end }}
