{{/*
A NetworkPolicy: `root`, `suffix`, `components` (their pods; none, all of the release), `egress` or `ingress` (rules, as YAML; neither
denies both), and perhaps `annotations` (YAML).
*/}}
{{- define "malipo.policy" }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "malipo.metadata" (list .root .suffix "network") | nindent 2 }}
  {{- with .annotations }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ .root.Chart.Name }}
      app.kubernetes.io/instance: {{ .root.Release.Name }}
    {{- with .components }}
    matchExpressions:
      - { key: app.kubernetes.io/component, operator: In, values: {{ toJson . }} }
    {{- end }}
  {{- if .egress }}
  policyTypes: [Egress]
  egress:
    {{- .egress | nindent 4 }}
  {{- else if .ingress }}
  policyTypes: [Ingress]
  ingress:
    {{- .ingress | nindent 4 }}
  {{- else }}
  policyTypes: [Ingress, Egress]
  {{- end }}
{{- end }}

{{/* One rule: `ports`, and whom `to` or `from`; without peers anybody. */}}
{{- define "malipo.rule" -}}
- ports:
    {{- range .ports }}
    - { protocol: {{ $.protocol | default "TCP" }}, port: {{ int . }} }
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .from }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* To whom answers for names. */}}
{{- define "malipo.dnsRule" -}}
{{- $policy := .Values.networkPolicy -}}
{{ include "malipo.rule" (dict "protocol" "UDP" "ports" $policy.dnsPorts "to" $policy.dns) }}
{{ include "malipo.rule" (dict "ports" $policy.dnsPorts "to" $policy.dns) }}
{{- end }}

{{/* To PostgreSQL. */}}
{{- define "malipo.databaseRule" -}}
{{ include "malipo.rule" .Values.networkPolicy.database }}
{{- end }}

{{/* To Kafka, and to who gives tokens for it: (list root mechanism). */}}
{{- define "malipo.kafkaRules" -}}
{{- $values := (index . 0).Values -}}
{{- $ports := $values.networkPolicy.kafka.ports -}}
{{- if not $ports -}}{{- range splitList "," $values.kafka.bootstrap -}}{{- $ports = append $ports (splitList ":" . | last | trim | int) -}}{{- end -}}{{- end -}}
{{ include "malipo.rule" (dict "ports" (uniq $ports) "to" $values.networkPolicy.kafka.to) }}
{{- if eq (index . 1) "OAUTHBEARER" }}
{{ include "malipo.rule" (dict "ports" (list (include "malipo.portOf" $values.kafka.oauth.tokenUrl))) }}
{{- end }}
{{- end }}

{{/* The port of a URL. */}}
{{- define "malipo.portOf" -}}
{{- $url := urlParse . -}}
{{- regexFind "[0-9]+$" $url.host | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end }}
