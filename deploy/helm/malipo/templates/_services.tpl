{{/* What the code says of each service, which is generated: files/services.yaml. */}}
{{- define "malipo.facts" -}}
{{- .Files.Get "files/services.yaml" -}}
{{- end }}

{{/* The services of this release by their names, each with its defaults, and `facts`. */}}
{{- define "malipo.services" -}}
{{- $facts := (include "malipo.facts" . | fromYaml).services -}}
{{- $services := dict -}}
{{- range $name, $given := .Values.services -}}
{{- if $given.enabled -}}
{{- $service := mergeOverwrite (deepCopy $.Values.serviceDefaults) (deepCopy $given) -}}
{{- $_ := set $service "facts" (get $facts $name) -}}
{{- if $service.stopped -}}
{{- $_ := set $service "replicas" 0 -}}
{{- $_ := set $service.autoscaling "kind" "none" -}}
{{- end -}}
{{- $_ := set $services $name $service -}}
{{- end -}}
{{- end -}}
{{- toYaml $services -}}
{{- end }}

{{/* The image of a service: (list root name). */}}
{{- define "malipo.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
{{- $registry := ternary "" (printf "%s/" $image.registry) (empty $image.registry) -}}
{{- $name := printf "%s%s/%s" $registry $image.repository (index . 1) -}}
{{- with get $image.digests (index . 1) -}}
{{- printf "%s@%s" $name . -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* The fewest replicas that a service has: of its merged values. */}}
{{- define "malipo.fewest" -}}
{{- ternary .replicas .autoscaling.min (eq .autoscaling.kind "none") | int -}}
{{- end }}

{{/* The name of a Secret, of one that is there or else of one made here: (list root existing suffix). */}}
{{- define "malipo.secretName" -}}
{{- index . 1 | default (include "malipo.name" (list (index . 0) (index . 2))) -}}
{{- end }}

{{/* A Secret made here: `root`, `suffix`, `component`, `data` and perhaps `annotations` (YAML). */}}
{{- define "malipo.secretMade" }}
---
apiVersion: v1
kind: Secret
metadata:
  {{- include "malipo.metadata" (list .root .suffix .component) | nindent 2 }}
  {{- with .annotations }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
type: Opaque
stringData:
  {{- toYaml .data | nindent 2 }}
{{- end }}

{{/* Which settings of Kafka a client is told: (list root user mechanism). */}}
{{- define "malipo.kafka" -}}
{{- $kafka := (index . 0).Values.kafka -}}
{{- $mechanism := index . 2 -}}
KAFKA_BOOTSTRAP: {{ $kafka.bootstrap | quote }}
KAFKA_SECURITY_PROTOCOL: {{ $kafka.securityProtocol }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
KAFKA_SASL_MECHANISM: {{ $mechanism }}
{{- if eq $mechanism "OAUTHBEARER" }}
KAFKA_OAUTH_CLIENT_ID: {{ index . 1 | quote }}
KAFKA_OAUTH_CLIENT_SECRET_FILE: /etc/malipo/secrets/kafka-oauth-client-secret
KAFKA_OAUTH_TOKEN_URL: {{ $kafka.oauth.tokenUrl | quote }}
{{- with $kafka.oauth.scope }}
KAFKA_OAUTH_SCOPE: {{ . | quote }}
{{- end }}
{{- with $kafka.oauth.extensions }}
KAFKA_OAUTH_EXTENSIONS: {{ . | quote }}
{{- end }}
{{- else }}
KAFKA_USERNAME: {{ index . 1 | quote }}
KAFKA_PASSWORD_FILE: /etc/malipo/secrets/kafka-password
{{- end }}
{{- end }}
{{- if include "malipo.ca" $kafka.ca }}
KAFKA_CA_FILE: /etc/malipo/tls/kafka-ca.pem
{{- end }}
{{- if eq $kafka.securityProtocol "SSL" }}
KAFKA_CERTIFICATE_FILE: /etc/malipo/tls/kafka.crt
KAFKA_KEY_FILE: /etc/malipo/tls/kafka.key
{{- end }}
{{- end }}

{{/* By what the topics step says who it is. */}}
{{- define "malipo.topicsMechanism" -}}
{{- .Values.topics.saslMechanism | default .Values.kafka.saslMechanism -}}
{{- end }}

{{/* The key of a Secret by which Kafka lets us in, if there is one: (list root mechanism). */}}
{{- define "malipo.kafkaSecretKey" -}}
{{- if hasPrefix "SASL" (index . 0).Values.kafka.securityProtocol -}}
{{- ternary "kafka-oauth-client-secret" "kafka-password" (eq (index . 1) "OAUTHBEARER") -}}
{{- end -}}
{{- end }}

{{/* Whether an authority is given. */}}
{{- define "malipo.ca" -}}
{{- or .secret .configMap -}}
{{- end }}

{{/* An authority's certificates as a part of a projected volume: (list ca path). */}}
{{- define "malipo.caSource" -}}
{{- $ca := index . 0 -}}
{{- if include "malipo.ca" $ca -}}
{{- $source := dict "name" ($ca.secret | default $ca.configMap) "items" (list (dict "key" $ca.key "path" (index . 1))) -}}
{{- list (dict (ternary "secret" "configMap" (not (empty $ca.secret))) $source) | toYaml -}}
{{- end -}}
{{- end }}

{{/* Keys of a Secret as files below /etc/malipo/secrets: (list secret keys...). */}}
{{- define "malipo.secretSource" -}}
{{- $items := list -}}
{{- range rest . }}{{- if . }}{{- $items = append $items (dict "key" . "path" (printf "secrets/%s" .)) }}{{- end }}{{- end -}}
{{- if $items -}}
{{- list (dict "secret" (dict "name" (first .) "items" $items)) | toYaml -}}
{{- end -}}
{{- end }}

{{/* The certificate that shows Kafka who we are: (list root secret). */}}
{{- define "malipo.kafkaCertificate" -}}
{{- if eq (index . 0).Values.kafka.securityProtocol "SSL" -}}
- secret:
    name: {{ index . 1 }}
    items:
      - { key: user.crt, path: tls/kafka.crt }
      - { key: user.key, path: tls/kafka.key }
{{- end -}}
{{- end }}
