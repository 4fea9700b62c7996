{{/* Values that do not go together, a line each, with what to do. What one value may be alone is in values.schema.json. */}}
{{- define "malipo.refusals" -}}
{{- include "malipo.refusedOfKafka" . }}
{{- include "malipo.refusedOfRelease" . }}
{{- range $name, $service := include "malipo.services" . | fromYaml }}
{{- include "malipo.refusedSecrets" (list $ $name $service) }}
{{- include "malipo.refusedSettings" (list $ $name $service) }}
{{- include "malipo.refusedReplicas" (list $ $name $service) }}
{{- end }}
{{- end }}

{{- define "malipo.refusedOfKafka" -}}
{{- $kafka := .Values.kafka -}}
{{- if not $kafka.bootstrap }}
- kafka.bootstrap is not set: name the brokers, as kafka-1.example:9093,kafka-2.example:9093
{{- end }}
{{- if and (eq $kafka.securityProtocol "PLAINTEXT") (eq .Values.environment "production") (not .Values.allowPlaintext) }}
- kafka.securityProtocol is PLAINTEXT, which production refuses: use SASL_SSL or SSL, or set allowPlaintext where a mesh encrypts
{{- end }}
{{- if and (hasPrefix "SASL" $kafka.securityProtocol) (eq $kafka.saslMechanism "OAUTHBEARER") (not $kafka.oauth.tokenUrl) }}
- kafka.saslMechanism is OAUTHBEARER, and kafka.oauth.tokenUrl is not set: name where access tokens come from
{{- end }}
{{- if and (eq $kafka.securityProtocol "PLAINTEXT") (include "malipo.ca" $kafka.ca) }}
- kafka.ca is set, and kafka.securityProtocol is PLAINTEXT, which uses none: set SASL_SSL or SSL, or take kafka.ca out
{{- end }}
{{- if or .Values.topics.enabled (has "topics" .Values.shells) }}
{{- $key := include "malipo.kafkaSecretKey" (list . (include "malipo.topicsMechanism" .)) }}
{{- if and $key (not .Values.topics.existingSecret) (not (hasKey .Values.topics.secrets $key)) }}
- topics.existingSecret is not set: name the Secret that has `{{ $key }}` of a user who may make topics, or set topics.enabled to false
{{- end }}
{{- if and (eq $kafka.securityProtocol "SSL") (not .Values.topics.kafkaCertificateSecret) }}
- topics.kafkaCertificateSecret is not set, and kafka.securityProtocol is SSL: name the Secret with user.crt and user.key of who may make topics
{{- end }}
{{- end }}
{{- end }}

{{- define "malipo.refusedOfRelease" -}}
{{- $values := .Values -}}
{{- range $name := without $values.shells "topics" }}
{{- if not (get $values.services $name).enabled }}
- shells has {{ $name }}, which this release has not: set services.{{ $name }}.enabled, or take it out
{{- end }}
{{- end }}
{{- range $where, $ca := dict "kafka.ca" $values.kafka.ca "database.ca" $values.database.ca "redis.ca" $values.redis.ca }}
{{- if and $ca.secret $ca.configMap }}
- {{ $where }} names a Secret and a ConfigMap: take one of them out
{{- end }}
{{- end }}
{{- if and $values.keyRing.existingSecret $values.keyRing.value }}
- keyRing.existingSecret and keyRing.value are both set: take keyRing.value out
{{- else if not (or $values.keyRing.existingSecret $values.keyRing.value) }}
- keyRing.existingSecret is not set: merchants' credentials at providers cannot be kept without keys. Make a Secret of `id:$(openssl rand -base64 32)` and name it
{{- end }}
{{- $providers := false }}
{{- range $name, $service := $values.services }}
{{- if and (hasPrefix "provider-" $name) $service.enabled }}{{- $providers = true }}{{- end }}
{{- end }}
{{- if not $providers }}
- no provider is enabled, so nobody could pay: set services.provider-stripe.enabled, or another's
{{- end }}
{{- if $values.ingress.enabled }}
{{- if not $values.ingress.host }}
- ingress.enabled is true, and ingress.host is not set: name the host that merchants and providers call
{{- end }}
{{- if not $values.services.gateway.enabled }}
- ingress.enabled is true, and services.gateway.enabled is not: there is nothing for merchants to reach
{{- end }}
{{- if not $values.trustedProxies }}
- ingress.enabled is true, and trustedProxies is not set: all clients would be one address and share its limits. Name the network of the controller's pods
{{- end }}
{{- if and (eq $values.environment "production") (not $values.ingress.tlsSecret) (not $values.allowPlaintext) }}
- ingress.tlsSecret is not set: API keys would travel in the clear. Name the certificate's Secret, or set allowPlaintext where TLS ends in front of the controller
{{- end }}
{{- end }}
{{- if eq (int $values.ports.http) (int $values.ports.admin) }}
- ports.http and ports.admin are both {{ $values.ports.http }}: what operators read is not for the public, so they have to differ
{{- end }}
{{- end }}

{{- define "malipo.refusedSecrets" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $service := index . 2 -}}
{{- $keys := compact (list "database-url" (ternary "redis-url" "" (not (empty $service.facts.redis))) (include "malipo.kafkaSecretKey" (list $root $root.Values.kafka.saslMechanism))) -}}
{{- if and $service.existingSecret $service.secrets }}
- services.{{ $name }}.existingSecret and .secrets are both set: take .secrets out
{{- else if not (or $service.existingSecret $service.secrets) }}
- services.{{ $name }}.existingSecret is not set: name the Secret that has {{ join ", " $keys }}
{{- else if $service.secrets }}
{{- range $keys }}
{{- if not (hasKey $service.secrets .) }}
- services.{{ $name }}.secrets has no {{ . }}: add it
{{- end }}
{{- end }}
{{- end }}
{{- range $owner := list $service.secrets $service.ownerSecrets }}
{{- if and (contains "/etc/malipo/tls/database-ca.pem" (get $owner "database-url" | default "")) (not (include "malipo.ca" $root.Values.database.ca)) }}
- services.{{ $name }}: database-url names /etc/malipo/tls/database-ca.pem, and database.ca is not set: name the Secret or ConfigMap with PostgreSQL's CA
{{- end }}
{{- end }}
{{- if or $root.Values.migrations.enabled $root.Values.retention.enabled }}
{{- if and $service.ownerSecret $service.ownerSecrets }}
- services.{{ $name }}.ownerSecret and .ownerSecrets are both set: take .ownerSecrets out
{{- else if not (or $service.ownerSecret $service.ownerSecrets) }}
- services.{{ $name }}.ownerSecret is not set: name the Secret that has database-url of the role that owns its tables, or set migrations.enabled and retention.enabled to false
{{- else if and $service.ownerSecrets (not (hasKey $service.ownerSecrets "database-url")) }}
- services.{{ $name }}.ownerSecrets has no database-url: add it
{{- end }}
{{- end }}
{{- if and (eq $root.Values.kafka.securityProtocol "SSL") (not $service.kafkaCertificateSecret) }}
- services.{{ $name }}.kafkaCertificateSecret is not set, and kafka.securityProtocol is SSL: name the Secret with its user.crt and user.key
{{- end }}
{{- end }}

{{- define "malipo.refusedSettings" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $service := index . 2 -}}
{{- range $service.facts.required }}
{{- if not (hasKey $service.settings .) }}
- services.{{ $name }}.settings.{{ . }} is not set, and the service does not start without it: docs/settings.md says what it is
{{- end }}
{{- end }}
{{- if and $service.facts.calledBack (not (hasKey $service.settings "CALLBACK_BASE_URL")) (not $root.Values.ingress.host) }}
- services.{{ $name }}.settings.CALLBACK_BASE_URL is not set, and neither is ingress.host: the provider has to be told where to report
{{- end }}
{{- range list "ALLOW_LOOPBACK" "ALLOW_HOSTS" }}
{{- if and (get $service.settings .) (eq $root.Values.environment "production") }}
- services.{{ $name }}.settings.{{ . }} is set, which production refuses: take it out
{{- end }}
{{- end }}
{{- range $setting, $file := $service.files }}
{{- if hasKey $service.settings $setting }}
- services.{{ $name }}: {{ $setting }} is in settings and in files: take it out of settings
{{- end }}
{{- if eq (empty $file.secret) (empty $file.configMap) }}
- services.{{ $name }}.files.{{ $setting }} has to name either a Secret or a ConfigMap
{{- end }}
{{- end }}
{{- end }}

{{- define "malipo.refusedReplicas" -}}
{{- $root := index . 0 }}{{ $name := index . 1 }}{{ $service := index . 2 -}}
{{- $scaling := $service.autoscaling -}}
{{- $fewest := include "malipo.fewest" $service | int -}}
{{- $scaled := ne $scaling.kind "none" -}}
{{- $most := ternary $scaling.max $service.replicas $scaled | int -}}
{{- $what := ternary "autoscaling.max" "replicas" $scaled -}}
{{- if and $scaled (gt (int $scaling.min) (int $scaling.max)) }}
- services.{{ $name }}.autoscaling.min is {{ $scaling.min }}, more than its max of {{ $scaling.max }}: raise max
{{- end }}
{{- if and (not $service.stopped) (ge (int $service.podDisruptionBudget.minAvailable) $fewest) }}
- services.{{ $name }}: podDisruptionBudget.minAvailable is {{ $service.podDisruptionBudget.minAvailable }} of {{ $fewest }} replicas, so that no node could be drained: have more replicas, or set it to {{ max 0 (sub $fewest 1) }}
{{- end }}
{{- if and $service.facts.partitions (gt $most (int $service.facts.partitions)) }}
- services.{{ $name }}.{{ $what }} is {{ $most }}, more than the {{ $service.facts.partitions }} partitions that it reads: the rest would have nothing to do
{{- end }}
{{- if and $scaled (not (dig "requests" "cpu" "" $service.resources)) (or (eq $scaling.kind "hpa") (not $service.facts.due)) }}
- services.{{ $name }}.autoscaling goes by the requested processor, and resources.requests.cpu is not set: set it
{{- end }}
{{- if eq $scaling.kind "keda" }}
{{- if not $root.Values.keda.existingSecret }}
- services.{{ $name }}.autoscaling.kind is keda, and keda.existingSecret is not set: name the Secret by which KEDA asks Kafka and PostgreSQL
{{- end }}
{{- if and (hasPrefix "SASL" $root.Values.kafka.securityProtocol) (eq $root.Values.kafka.saslMechanism "OAUTHBEARER") }}
- services.{{ $name }}.autoscaling.kind is keda, and kafka.saslMechanism is OAUTHBEARER, which this chart does not tell KEDA: use hpa
{{- end }}
{{- end }}
{{- end }}
